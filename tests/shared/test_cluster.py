"""TF_CONFIG, the shards of a batch, and processes on this machine."""

import argparse
import json
import os
import sys

import numpy as np
import pytest

from shared import cluster, distribution, local_processes
from shared.batches import train_plan
from shared.cluster import Cluster
from shared.config import DenseConfig, WindowRNNConfig
from shared.errors import UserError

WORKERS = ["a:1", "b:2", "c:3"]


def tf_config(monkeypatch, value):
    monkeypatch.setenv(cluster.VARIABLE, value if isinstance(value, str) else json.dumps(value))


def test_shards_are_the_batch_in_its_order():
    plan = train_plan(WindowRNNConfig(batch_size=12, epochs=1), 0).take(3)
    for workers in (1, 2, 3, 4):
        shards = [plan.shard(number, workers) for number in range(workers)]
        for whole, parts in zip(plan, zip(*shards)):
            assert all(part.shape[1] == 12 // workers for part in parts)
            np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize(("number", "workers"), [(0, 5), (2, 2), (-1, 2)])
def test_a_shard_that_is_none_is_refused(number, workers):
    with pytest.raises(ValueError, match="no shard"):
        train_plan(DenseConfig(batch_size=64), 0).take(1).shard(number, workers)


def test_a_batch_that_cannot_be_shared_out_is_refused():
    cluster.check_shards(DenseConfig(batch_size=64), 4)
    with pytest.raises(UserError, match=r"--batch-size is 64, .* multiple of the 3 workers"):
        cluster.check_shards(DenseConfig(batch_size=64), 3)


def test_the_chief_is_the_first_shard(monkeypatch):
    jobs = {"chief": ["z:9"], "worker": WORKERS}
    assert Cluster(jobs, "chief", 0).is_chief
    assert Cluster(jobs, "chief", 0).shard == (0, 4)
    assert not Cluster(jobs, "worker", 0).is_chief
    assert Cluster(jobs, "worker", 2).shard == (3, 4)
    assert Cluster({"worker": WORKERS}, "worker", 0).is_chief
    one = Cluster({"ps": ["s:5"], "worker": WORKERS}, "ps", 0)
    assert one.is_server
    assert not one.is_chief
    assert one.workers == 3
    tf_config(monkeypatch, one.config())
    assert cluster.from_environment(servers=True) == one


def test_without_the_variable_there_is_no_cluster(monkeypatch):
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    assert cluster.from_environment(servers=False) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "is not of the form"),
        ("[]", "is not of the form"),
        ({"cluster": {"worker": WORKERS}}, "is not of the form"),
        ({"cluster": [], "task": {"type": "worker", "index": 0}}, "is not of the form"),
        ({"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}, "not of the form"),
        ({"cluster": {"worker": WORKERS}, "task": {"type": "boss", "index": 0}}, "type 'boss'"),
        ({"cluster": {"worker": WORKERS}, "task": {"type": "worker", "index": 3}}, "index 3"),
        ({"cluster": {"worker": WORKERS}, "task": {"type": "worker", "index": True}}, "True"),
        ({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}, "give host:port"),
        ({"cluster": {"worker": ["a:70000"]}, "task": {"type": "worker", "index": 0}}, "70000"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}, "twice"),
        ({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}, "job ps: this strategy"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}, "than one"),
    ],
)
def test_a_wrong_tf_config_is_one_line(monkeypatch, value, message):
    tf_config(monkeypatch, value)
    with pytest.raises(UserError, match=message) as error:
        cluster.from_environment(servers=False)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("TF_CONFIG ")


@pytest.mark.parametrize("servers", [[], ["s:1", "s:2"]])
def test_there_is_one_parameter_server(monkeypatch, servers):
    jobs = {"worker": WORKERS, **({"ps": servers} if servers else {})}
    tf_config(monkeypatch, {"cluster": jobs, "task": {"type": "worker", "index": 0}})
    with pytest.raises(UserError, match='one address for the job "ps"'):
        cluster.from_environment(servers=True)


def test_a_local_cluster_has_a_port_for_each():
    clusters = cluster.local(4, servers=1)
    assert [(one.job, one.task) for one in clusters] == [
        ("ps", 0),
        *[("worker", n) for n in range(4)],
    ]
    assert len({address for job in clusters[0].jobs.values() for address in job}) == 5


def test_a_digest_is_of_config_and_data():
    class Split:
        images, labels = np.zeros([2, 28, 28], np.uint8), np.zeros(2, np.int64)

    class Other(Split):
        labels = np.ones(2, np.int64)

    config = DenseConfig()
    digests = [cluster.digest(config, Split), cluster.digest(DenseConfig(seed=1), Split)]
    digests += [cluster.digest(config, Other), cluster.digest(config, Split, [np.ones(1)])]
    assert len(set(digests)) == 4
    assert cluster.digest(DenseConfig(), Split) == digests[0]


def processes(source):
    return local_processes.run([sys.executable, "-c", source], cluster.local(3, servers=0))


def test_processes_that_end_well_give_0():
    assert processes("") == 0


def test_when_one_fails_the_others_are_ended(tmp_path, capfd, monkeypatch):
    """Its last line is shown, and its code is the command's."""
    monkeypatch.setattr(local_processes, "GRACE", 0.1)
    source = """
import json, os, sys, time
number = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
open(os.path.join(%r, str(os.getpid())), "w").close()
if number == 1:
    time.sleep(0.5)
    sys.exit("no such thing")
time.sleep(600)
"""
    assert processes(source % str(tmp_path)) == 1
    assert capfd.readouterr().err == "a worker failed: no such thing\n"
    for name in os.listdir(str(tmp_path)):
        with pytest.raises(ProcessLookupError):
            os.kill(int(name), 0)


@pytest.mark.parametrize("task", [0, 1])
def test_only_the_chief_works_in_the_runs_folder(tmp_path, capsys, task):
    one = Cluster({"worker": WORKERS}, "worker", task)
    (tmp_path / "config.json").write_text("{}")
    with distribution.process(str(tmp_path), one, resume=True) as path:
        assert os.listdir(path) == ["config.json"]
        print("a line")
    assert (path == str(tmp_path)) == (task == 0)
    assert os.path.exists(path) == (task == 0)
    assert capsys.readouterr().out == ("a line\n" if task == 0 else "")


@pytest.mark.parametrize(
    ("strategy", "workers", "message"),
    [
        (None, 2, "--workers belongs to --strategy"),
        ("multiworker", 0, "--workers is 0"),
        ("multiworker", 513, "--workers is 513"),
    ],
)
def test_a_wrong_flag_is_refused(strategy, workers, message):
    with pytest.raises(UserError, match=message):
        distribution.check(argparse.Namespace(strategy=strategy, workers=workers))


@pytest.mark.parametrize(
    ("workers", "text", "message"),
    [
        (None, "", "no TF_CONFIG: set it"),
        (3, Cluster({"worker": ["a:1"]}, "worker", 0).config(), "--workers is 3, but TF_CONFIG"),
    ],
)
def test_a_cluster_is_described_once(monkeypatch, workers, text, message):
    tf_config(monkeypatch, text)
    with pytest.raises(UserError, match=message):
        distribution.find_cluster(distribution.Strategy(train=print, is_cluster=True), workers)
