"""What tf1port/verification/verify.py compares a converted model on."""
