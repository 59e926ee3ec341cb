"""A TF1 graph as data: its cells, the layers around them; and running its subgraphs."""
