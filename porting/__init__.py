"""What carries a model across and proves it. Imports both sides; neither knows of it."""
