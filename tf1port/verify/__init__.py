"""What tf1port/verify/verify.py compares a converted model on."""
