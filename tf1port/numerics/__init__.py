"""What "equal" means: differences, tolerances, outcomes, precision, optimizers."""
