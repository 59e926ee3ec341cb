"""The checks, in their order, and what they found."""
