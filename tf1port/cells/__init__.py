"""TF1 cells in Keras: equations, maps of weights, cells in NumPy."""
