"""TF1 checkpoints: the index, the data, the first format, the state file."""

from tests.fuzz import damage
from tests.fuzz.readers.ports import only
from tests.fuzz.worker import Reader, printed
from tf1port.command_line import reporting

SHARD = ".data-00000-of-00001"


def write(version):
    def make(folder):
        from tests.tf1port import checkpoint_cases as cases

        shapes = {**cases.shapes(cases.CASES["bidirectional"]), "global_step": ()}
        shapes |= {"a/part_0": (2, 3), "a/part_1": (1, 3), "embedding": (40, 3)}
        cases.save(folder / "model.ckpt", cases.arrays(shapes), version=version)
        (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')

    return make


def read(folder):
    """As inspect and verify do."""
    from tf1port import api
    from tf1port.tf1.checkpoint.reader import open_checkpoint

    open_checkpoint(str(folder)).check()
    result = api.inspect(str(folder))
    printed(str(result))
    result.to_json()


def index(random, content):
    """An index: its bytes damaged, or other entries in it."""
    from tests.fuzz import tables

    if random.random() < 0.3:
        return damage.damaged(random, content)
    return tables.changed_index(random, content)


def first_format(random, content):
    """A checkpoint of the first format, likewise."""
    from tests.fuzz import tables

    if random.random() < 0.3:
        return damage.damaged(random, content)
    return tables.changed_first_format(random, content)


READERS = (
    Reader("checkpoint .index", write("V2"), only("model.ckpt.index", index), read, reporting,
           isolated=True, inputs=1000),
    Reader("checkpoint .data", write("V2"), only("model.ckpt" + SHARD, damage.damaged), read,
           reporting, isolated=True, inputs=300),
    Reader("checkpoint V1", write("V1"), only("model.ckpt", first_format), read, reporting,
           isolated=True, inputs=300),
    Reader("file 'checkpoint'", write("V2"), only("checkpoint", damage.text_file), read, reporting,
           isolated=True, inputs=300),
)  # fmt: skip
