"""What both sides must agree on: hyper-parameters, data, batch order, weights files, run records.

Imports neither side and no TensorFlow, and runs on Python 3.7 with NumPy 1.18 as well as on the
current ones.
"""
