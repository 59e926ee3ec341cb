"""The proof of any two sides."""
