"""Faults driven on purpose: `make test-faults` prints what became of each."""
