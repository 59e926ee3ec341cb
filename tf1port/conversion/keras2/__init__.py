"""A Keras 2 HDF5 file as a Keras 3 model: its configuration as source, its weights by layer."""
