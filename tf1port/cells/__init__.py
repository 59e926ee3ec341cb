"""What a TF1 cell is in Keras: equations, maps of weights, cells in NumPy."""
