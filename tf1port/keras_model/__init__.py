"""The Keras model that a checkpoint becomes: planned, built, written as source."""
