"""The readers of the product, each with an intact input and the damage to it."""

from tests.fuzz.readers import (
    checkpoints,
    demonstration,
    graphs,
    keras2,
    keras_files,
    ports,
    texts,
)

READERS = (
    *demonstration.READERS,
    *texts.READERS,
    *ports.READERS,
    *checkpoints.READERS,
    *keras_files.READERS,
    *keras2.READERS,
    *graphs.READERS,
)
