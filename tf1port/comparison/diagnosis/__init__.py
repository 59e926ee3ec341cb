"""Which known mistake explains a difference."""
