"""Damaged and crafted input for every reader of the product: make test-fuzz."""
