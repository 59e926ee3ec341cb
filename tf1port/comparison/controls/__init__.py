"""Known porting mistakes, made on purpose: every check must notice its own."""
