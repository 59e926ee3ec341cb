"""Known mistakes as functions: tf1port/controls makes them, tf1port/diagnosis looks for them."""
