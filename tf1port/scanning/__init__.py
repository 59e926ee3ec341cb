"""Where a program uses TF1, read from its source: `tf1port scan`. Imports no TensorFlow."""
