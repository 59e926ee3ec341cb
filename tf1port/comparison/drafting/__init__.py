"""A first map of a port: which layer is which scope, by shapes, kinds, names and order."""
