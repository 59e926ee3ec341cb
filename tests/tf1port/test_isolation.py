"""A command in a process of its own: whatever ends that is one line, and nothing is left behind."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorflow.core.protobuf import tensor_bundle_pb2

from tests.tf1port import graphs, tables
from tests.tf1port.graphs import Case, tf1
from tf1port import isolation, memory
from tf1port.__main__ import main
from tf1port.isolation import Child

ROOT = Path(__file__).parents[2]
PREFIX = str(ROOT / "tests" / "goldens" / "window_rnn" / "model.ckpt-200")
COMMAND = [sys.executable, "-m", "tf1port"]
NEW = ["--to", "model.keras"]
MAP = """
[layers]
lstm = "rnn/basic_lstm_cell"
logits = "logits"
[inputs]
inputs = "Placeholder"
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The prefix of a checkpoint with a plain graph."""
    return graphs.save(Case(), tmp_path_factory.mktemp("plain")).prefix


def isolated(*words):
    """The exit code, standard output and standard error of a command."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = isolation.main(list(words))
    return code, out.getvalue(), errors.getvalue()


def refused(*words):
    """The one line on standard error of a command that is refused."""
    code, out, errors = isolated(*words)
    assert (code, out) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    return errors


def with_ops(prefix, make):
    """Ops are computed before the graph's logits are; `make()` returns the last of them."""
    path = Path(prefix + ".meta")
    meta = tf1.MetaGraphDef.FromString(path.read_bytes())
    with tf1.Graph().as_default() as graph, tf1.name_scope("more"):
        name = make().op.name
    added = graph.as_graph_def().node
    for node in added:
        node.input[:] = ["more/Svd" if name == "more/later" else name for name in node.input]
    meta.graph_def.node.extend(node for node in added if node.name != "more/later")
    (logits,) = (node for node in meta.graph_def.node if node.name == "logits/BiasAdd")
    logits.input.append("^" + name)
    path.write_bytes(meta.SerializeToString())


@pytest.fixture
def copied(plain, tmp_path, monkeypatch):
    """A copy of the plain checkpoint, in the folder that the test works in."""
    for path in Path(plain).parent.glob(Path(plain).name + ".*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return Path(plain).name


def slow_kernel():
    """A kernel that computes for minutes, and looks at no deadline."""
    return tf1.linalg.svd(tf1.fill([6000, 6000], 0.5))[0]


def slow_import():
    """A shape that TensorFlow computes with such a kernel while it imports the op."""
    size = tf1.placeholder(tf1.float32, [6000], name="later")  # or it would be computed here
    shape = tf1.stack([tf1.cast(tf1.reduce_sum(size), tf1.int32), 3])
    slow_kernel()
    return tf1.reshape(tf1.zeros([6]), shape)


def much_memory():
    return tf1.reduce_sum(tf1.fill([1_000_000_000], 0.5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "flags", "said"),
    [
        (slow_kernel, ["--time-limit", "3"], "running the graph did not finish within 3 s"),
        (slow_import, ["--time-limit", "3"], "importing the graph did not finish within 3 s"),
        (much_memory, ["--memory-limit", "1.5"], "GB of memory, more than 1.5 GB: --memory-limit"),
    ],
)
def test_a_graph_that_takes_too_much_is_refused(copied, make, flags, said):
    with_ops(copied, make)
    before = sorted(os.listdir())
    assert said in refused("convert", copied, *NEW, *flags)
    assert sorted(os.listdir()) == before


@pytest.fixture
def negative(tmp_path):
    """The prefix of a checkpoint at which TensorFlow aborts: a size is negative."""
    entry = tensor_bundle_pb2.BundleEntryProto(dtype=1, size=8)
    entry.shape.dim.add().size = -2
    folder = tmp_path / "negative"
    folder.mkdir()
    (folder / "model.ckpt-1.index").write_bytes(tables.index({"rnn/kernel": entry}))
    (folder / "model.ckpt-1.data-00000-of-00001").write_bytes(bytes(8))
    yield str(folder / "model.ckpt-1")
    assert len(os.listdir(folder)) == 2


@pytest.mark.slow
def test_an_index_that_makes_tensorflow_abort_is_refused_before(negative, capfd):
    code, out, _ = isolated("inspect", negative)
    said = capfd.readouterr().err
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert "is damaged or no TF1 checkpoint: fetch it again (rnn/kernel has the shape [-2])" in said


@pytest.mark.slow
def test_where_tensorflow_aborts_all_the_same_it_is_one_line(negative, tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    worker.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tf1port.tf1.checkpoint import soundness\n"
        "soundness.check_index = lambda prefix: None\n"
        "from tf1port import _worker\n"
        "_worker.main()\n"
    )
    monkeypatch.setattr(isolation, "WORKER", str(worker))
    assert "TensorFlow aborted while reading the checkpoint" in refused("inspect", negative)


def test_keras_is_loaded_without_what_no_command_uses(tmp_path, monkeypatch):
    """And what it would have loaded can be imported afterwards."""
    worker = tmp_path / "worker.py"
    worker.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tf1port import __main__, _worker\n"
        "def command(argv):\n"
        "    print(sorted({'keras', 'matplotlib', 'sklearn'} & {*sys.modules}))\n"
        "    import matplotlib, sklearn\n"
        "    return 0\n"
        "__main__.main = command\n"
        "_worker.main()\n"
    )
    monkeypatch.setattr(isolation, "WORKER", str(worker))
    assert isolated("inspect", PREFIX) == (0, "['keras']\n", "")


@pytest.mark.slow
def test_each_command_says_what_it_says_in_the_same_process(copied, tmp_path, capsys):
    commands = [
        ["inspect", copied],
        ["convert", copied, *NEW],
        ["verify", copied, "model.keras", "--json"],
        ["convert", "model.keras", "--reverse", "--to", "back.ckpt"],
        ["compare", "--legacy", copied, "--modern", "model.keras", "--map", "map.toml",
         "--only", "variables,outputs", "--out", "report"],
        ["inspect", "missing.ckpt"],
    ]  # fmt: skip
    Path("map.toml").write_text(MAP)
    for words in commands:
        code, out, errors = isolated(*words)
        assert main(words) == code, errors
        assert capsys.readouterr().out == out
    assert sorted(path.name for path in tmp_path.glob(".part-*")) == []


def test_flags_are_looked_at_before_a_process_is_started(monkeypatch):
    monkeypatch.setattr(isolation, "Child", None)
    assert "--time-limit is 0: give a number above 0" in refused(
        "inspect", "a", "--time-limit", "0"
    )
    assert "--memory-limit is nan" in refused("inspect", "a", "--memory-limit", "nan")
    assert "--colour" in refused("inspect", "a", "--colour")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
def test_a_process_that_is_killed_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, number):
    (tmp_path / ".part-1-other").write_text("of another process")
    watch = Child.watch

    def killed(child, **limits):
        folder = tmp_path / f".part-{child.process.pid}-abc"
        folder.mkdir()
        (folder / "half").write_text("half")
        (tmp_path / f".part-{child.process.pid}-model.keras").write_text("half")
        os.kill(child.process.pid, number)
        return watch(child, **limits)

    monkeypatch.setattr(Child, "watch", killed)
    said = refused("convert", PREFIX, "--to", str(tmp_path / "model.keras"))
    assert ("aborted" if number == signal.SIGABRT else number.name) in said
    assert [path.name for path in tmp_path.iterdir()] == [".part-1-other"]


def test_a_process_that_ends_without_an_answer_is_no_success(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text("import sys; sys.stdin.readline(); raise SystemExit(0)")
    monkeypatch.setattr(isolation, "WORKER", str(worker))
    assert "ended without an answer" in refused("inspect", PREFIX)


def test_what_a_step_takes_beyond_its_limit_ends_the_process(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, os, sys, time\n"
        "pipe = json.loads(sys.stdin.readline())['events']\n"
        'os.write(pipe, b\'{"step": "running the graph"}\\n\')\n'
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(isolation, "WORKER", str(worker))
    monkeypatch.setattr(isolation, "GRACE", 0.1)
    words = ["inspect", PREFIX, "--time-limit", "0.2"]
    assert "running the graph did not finish within 0.2 s" in refused(*words)
    worker.write_text("import time\nheld = b'1' * 300_000_000\ntime.sleep(600)\n")
    assert "more than 0.2 GB" in refused("inspect", PREFIX, "--memory-limit", "0.2")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_process_ends_with_the_one_that_started_it(tmp_path, number):
    command = subprocess.Popen(
        [*COMMAND, "convert", PREFIX, "--to", str(tmp_path / "model.keras")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path.parent)},
        # What runs in the background is started with Ctrl-C ignored, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    child = waited(lambda: children(command.pid))[0]
    command.send_signal(number)
    _, errors = command.communicate(timeout=20)
    assert command.returncode == (-9 if number == signal.SIGKILL else 130)
    assert errors == b""
    waited(lambda: not os.path.exists(f"/proc/{child}") or state(child) == "Z")
    assert list(tmp_path.iterdir()) == []


def children(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []


def state(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


def waited(look):
    """What `look()` gives once it gives something."""
    for _ in range(400):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing in 20 s")


def test_a_system_without_sysconf_has_a_limit_of_memory_all_the_same(monkeypatch):
    monkeypatch.delattr(os, "sysconf")  # as on Windows
    assert memory.limit(isolation.parser().parse_args(["inspect", "missing"])) == 4 * memory.GB


def test_the_limit_of_memory_grows_with_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_machine", lambda: 1e12)
    (tmp_path / "model.ckpt-1.data-00000-of-00001").write_bytes(bytes(1000))

    def limit(checkpoint):
        return memory.limit(isolation.parser().parse_args(["inspect", str(checkpoint)]))

    assert limit(tmp_path / "missing") == 4 * memory.GB
    assert limit(tmp_path / "model.ckpt-1") == limit(tmp_path) == 4 * memory.GB + 20_000
    monkeypatch.setattr(memory, "_machine", lambda: 1e9)
    assert limit(tmp_path) == 0.9 * memory.GB


def test_what_this_process_holds_is_known():
    assert memory.resident(os.getpid()) > 10**8  # TensorFlow is in it
    assert memory.resident(2**22 + 1) == 0


def test_what_is_passed_on_is_json(monkeypatch):
    sent = []
    monkeypatch.setattr(Child, "_send", lambda child, request: sent.append(request))
    monkeypatch.setattr(Child, "watch", lambda child, **_: {"code": 3, "printed": "said\n"})
    assert isolated("inspect", PREFIX) == (3, "said\n", "")
    assert json.loads(json.dumps(sent))[0]["argv"] == ["inspect", PREFIX]
