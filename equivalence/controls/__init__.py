"""Known porting mistakes in this project's own models and trainings."""
