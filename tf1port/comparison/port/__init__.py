"""The ladder for ports that are not this project's own: any TF1 checkpoint, any Keras model."""
