"""A checkpoint and its graph as a Keras model: plan, model, source, map, and the way back."""
