"""Every idiom of TF1 and Keras 2 that the scanner knows, as data: docs/idioms.md is made from it.

To add one: an `idiom(…)` at the end of its section with the next free number, a snippet for it in
tests/tf1port/scanning/corpus.py, and `python -m tf1port.scanning.page > docs/idioms.md`.
Where several fit a name, the first one in the order of ALL is taken: what catches all comes last.
"""

from tf1port.scanning.idioms import data, decoding, graph, keras2, layers, libraries, recurrent
from tf1port.scanning.idioms import training as training_loops
from tf1port.scanning.idioms.idiom import Idiom

SECTIONS: dict[str, list[Idiom]] = {
    "Recurrent cells and loops": recurrent.ALL,
    "Sequences: decoders, attention, tagging, embeddings": decoding.ALL,
    "Layers, initializers and ops": layers.ALL,
    "Losses, optimizers, training, checkpoints": training_loops.ALL,
    "Input pipelines": data.ALL,
    "Keras 2": keras2.ALL,
    "Libraries on top of TF1": libraries.ALL,
    "Graphs, sessions and programs": graph.ALL,
}
ALL = [one for section in SECTIONS.values() for one in section]
BY_ID = {one.id: one for one in ALL}
