"""TF1 recurrent checkpoints and graphs as Keras 3 models, proved equal."""
