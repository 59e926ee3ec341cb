"""Running subgraphs of a TF1 graph."""
