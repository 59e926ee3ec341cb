"""The proof of this project's own pairs: both sides, the ladder, the trainings, the report."""
