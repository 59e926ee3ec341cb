"""What TF1 left behind: checkpoints, graphs, and sessions on them."""
