"""Known porting mistakes: catalogue.py names each once, the other modules make them."""
