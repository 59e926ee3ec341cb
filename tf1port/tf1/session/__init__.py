"""Running parts of a TF1 graph."""
