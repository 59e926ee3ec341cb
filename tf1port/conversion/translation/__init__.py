"""A graph of any shape, op by op, as a Keras model."""
