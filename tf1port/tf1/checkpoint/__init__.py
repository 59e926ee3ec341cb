"""What a TF1 checkpoint holds: its files, its names, the groups that they make."""
