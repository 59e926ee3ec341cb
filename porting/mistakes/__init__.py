"""Known mistakes as functions: porting/controls makes them, porting/diagnosis looks for them."""
