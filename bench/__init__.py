"""How fast both sides are."""
