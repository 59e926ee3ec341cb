"""Known porting mistakes: catalogue.py and entries/ have each once, the other modules make them."""
