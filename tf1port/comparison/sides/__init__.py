"""The protocol of a side, and the sides that there are."""
