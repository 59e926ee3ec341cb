"""The checks, in their order, and their results."""
