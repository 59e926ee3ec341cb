"""The comparisons of a converted model with its checkpoint's own graph."""
