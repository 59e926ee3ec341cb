"""What equivalence/compare.py is made of: both sides, the rungs, the trainings, what came of
them."""
