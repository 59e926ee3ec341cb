"""The facts that both sides share: hyper-parameters, data, batch order, weights files, records.

Imports neither side and no TensorFlow, and runs on Python 3.7 with NumPy 1.18 as well as on the
current ones.
"""
