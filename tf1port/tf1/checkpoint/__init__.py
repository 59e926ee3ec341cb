"""The contents of a TF1 checkpoint: its files, its names, their groups."""
