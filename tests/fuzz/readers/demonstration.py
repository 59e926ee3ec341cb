"""What the demonstration reads: MNIST's files, weights, pictures, the folder of a run."""

import gzip
import hashlib
import io
import json
import struct
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from shared import mnist_files, pictures, runs, study, study_report, weights
from shared.config import WindowRNNConfig
from shared.errors import UserError
from shared.reporting import reporting
from shared.step_log import StepLog
from tests.fuzz import damage
from tests.fuzz.worker import Reader

CONFIG = WindowRNNConfig(window=5, batch_size=10, train_examples=50, test_examples=20, steps=6,
                         units=3, layers=1, log_every=2)  # fmt: skip
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")  # fmt: skip
ZEROS = 3_000_000_000  # bytes that a bomb unpacks to


def _arrays():
    draw = np.random.default_rng(1)
    shapes = ((12, 28, 28), (12,), (4, 28, 28), (4,))
    return [draw.integers(0, 10, shape).astype(np.uint8) for shape in shapes]


SMALL = [
    part._replace(shape=array.shape, digest=hashlib.sha256(array.tobytes()).hexdigest())
    for part, array in zip(mnist_files.FILES, _arrays(), strict=True)
]


def idx(folder, *, pack=bytes, end=""):
    for name, array in zip(NAMES, _arrays(), strict=True):
        header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
        (folder / (name + end)).write_bytes(pack(header + array.tobytes()))


def mnist_npz(folder):
    named = {part.key: array for part, array in zip(SMALL, _arrays(), strict=True)}
    np.savez_compressed(folder / "mnist.npz", **named)


def read_mnist(folder):
    mnist_files.FILES = SMALL  # in a process of the fuzzer's own
    mnist_files.read_folder(str(folder))


def one_file(change):
    """Damage to one of the files."""

    def changed(random, files):
        name = random.choice(sorted(files))
        return files | {name: change(random, files[name])}

    return changed


def gz(random, content):
    """A gzip file: damaged, with other content, or with much more of it than its size says."""
    chance = random.random()
    if chance < 0.4:
        return damage.damaged(random, content)
    if chance < 0.41:
        return bomb()
    return gzip.compress(damage.damaged(random, gzip.decompress(content)), 1)


def bomb(kept=[]):  # noqa: B006  (made once)
    """A gzip file of some 3 MB that unpacks to 3 GB of zeros, in members."""
    if not kept:
        kept.append(gzip.compress(bytes(ZEROS // 100), 6) * 100)
    return kept[0]


npz = partial(damage.archive, members={".npy": damage.npy})


def write_weights(folder):
    draw = np.random.default_rng(0)
    shapes = CONFIG.weight_shapes().items()
    weights.save(folder / "w.npz", {n: draw.normal(size=s).astype("float32") for n, s in shapes})


def picture(kind):
    def write(folder):
        grey = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
        written = io.BytesIO()
        Image.fromarray(grey).save(written, kind)
        (folder / "picture").write_bytes(written.getvalue())

    return write


def png(random, content):
    """A PNG: damaged, or with right checksums over other chunks."""
    if random.random() < 0.5:
        return damage.damaged(random, content)
    chunks, at = [], 8
    while at + 8 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    number = random.randrange(len(chunks))
    name, data = chunks[number]
    name = random.choice((name, name, b"tRNS", b"PLTE", b"zTXt", b"iTXt", b"eXIf", b"acTL"))
    chunks[number : number + random.randrange(2)] = [(name, damage.damaged(random, data))]
    return content[:8] + b"".join(map(_chunk, chunks))


def _chunk(pair):
    import zlib

    name, data = pair
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_run(folder):
    """A run of a few steps with two checkpoints."""
    run = runs.create_run(folder / "run", "legacy", config=CONFIG, dataset="digits")
    run.quiet = True
    log = StepLog(CONFIG, run.write_line)
    for step in (2, 4):
        log.add(np.full(2, 0.5, np.float32), np.full(2, 0.25, np.float32))
        for end in (".index", ".meta", ".data-00000-of-00001"):
            (folder / "run" / f"model.ckpt-{step}{end}").write_bytes(b"%d" % step * 50)
        run.save_records(log, f"model.ckpt-{step}", parameters=7)
    run._lock.release()


def write_unbegun(folder):
    """A run that has got nowhere: a training may take its folder."""
    write_run(folder)
    path = folder / "run" / "result.json"
    path.write_text(path.read_text().replace('"steps": 4', '"steps": 0'))


def run_file(random, content):
    """A file of a run by what it begins with: an archive, JSON, another."""
    if content[:2] == b"PK":
        return npz(random, content)
    return (damage.json_file if content[:1] == b"{" else damage.damaged)(random, content)


def changed_run(random, files):
    """One or two files damaged, or one missing."""
    for _ in range(random.choice((1, 1, 1, 2))):
        files = one_file(run_file)(random, files)
    if random.random() < 0.1:
        files.pop(random.choice(sorted(files)))
    return files


def resume(folder):
    """What `train --resume`, `evaluate` and `train` read of a run before TensorFlow does."""
    path = str(folder / "run")
    run = runs.resume_run(path, "legacy", model="window-rnn", changes={})
    try:
        if not run.checkpoint():
            raise UserError("there is no checkpoint")
        step = run.checkpoints[0].step
        log = StepLog(run.config, print)
        log.restore(run, step)
        str(log.summary()), log.next_test, log.test_due, log.epoch, log.step_in_epoch
    finally:
        run._lock.release()


def start_again(folder):
    """What `train` reads of a folder that it is to write to."""
    run = runs.Run(folder / "run", "legacy", config=CONFIG, dataset="digits")
    runs._check_ours(run.path)
    runs._check_unused(run)


ROW = {"window": 5, "accuracy": [0.5, 0.6], "loss": [1.0, 1.1], "seconds_per_step": [0.1, None],
       "curve": {"step": [1, 2], "loss": [2.0, 1.5]}}  # fmt: skip
STUDY = {"side": "legacy", "model": "window-rnn", "dataset": "digits", "config": {"a": 1},
         "steps": 2, "seeds": 2, "versions": {}, "windows": [ROW]}  # fmt: skip


def write_study(folder):
    (folder / "modern").mkdir()
    (folder / "modern" / "study.json").write_text(json.dumps(STUDY | {"side": "modern"}))


def read_study(folder):
    """What `study` reads of the other side, and draws where there is something of it."""
    others = study._other_side(STUDY, str(folder))
    if others:
        study_report.draw(Figure(), [STUDY, *others])


READERS = (
    Reader("IDX", idx, one_file(damage.damaged), read_mnist, reporting),
    Reader("IDX.gz", partial(idx, pack=gzip.compress, end=".gz"), one_file(gz), read_mnist,
           reporting),
    Reader("mnist.npz", mnist_npz, one_file(npz), read_mnist, reporting),
    Reader("weights npz", write_weights, one_file(npz),
           lambda folder: weights.load(str(folder / "w.npz"), CONFIG), reporting),
    *(Reader(kind, picture(kind), one_file(png if kind == "PNG" else damage.damaged),
             lambda folder: pictures.read_image(str(folder / "picture")), reporting)
      for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP")),
    Reader("run folder", write_run, changed_run, resume, reporting,
           writes=("log.txt", ".lock"), notes=r".* is missing or damaged: using .*\n"),
    Reader("folder to train in", write_unbegun, changed_run, start_again, reporting),
    Reader("study.json", write_study, one_file(damage.json_file), read_study, reporting,
           inputs=30),
)  # fmt: skip
