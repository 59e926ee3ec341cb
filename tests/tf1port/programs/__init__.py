"""TF1 programs of many kinds, as people wrote them, small: what convert makes of each is tested."""
