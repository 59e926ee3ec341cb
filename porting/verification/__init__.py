"""What porting/verify.py compares a converted model on."""
