"""A TF1 graph as data: how it uses its cells and what is around them; and running parts of it."""
