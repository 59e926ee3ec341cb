"""examples/cluster: the manifests are valid and give each process the TF_CONFIG that is read."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from shared import cluster

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"
MANIFEST = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
SERVICE, JOB = MANIFEST
POD = JOB["spec"]["template"]["spec"]
WORKER = POD["containers"][0]
ENVIRONMENT = {one["name"]: one["value"] for one in WORKER["env"]}


def tf_config(monkeypatch, *words):
    """The Cluster of what tf_config.sh prints."""
    script = ["bash", str(FOLDER / "tf_config.sh"), *words]
    text = subprocess.run(script, check=True, capture_output=True, encoding="utf-8").stdout
    monkeypatch.setenv(cluster.VARIABLE, text)
    return cluster.from_environment(servers=words[1] == "1")


@pytest.mark.parametrize("servers", [0, 1])
def test_the_script_writes_what_is_read(monkeypatch, servers):
    addresses = ["a:1", "b:2", "c-0.d:3"]
    found = [tf_config(monkeypatch, str(n), str(servers), *addresses) for n in range(3)]
    assert [one.job for one in found] == ["ps"] * servers + ["worker"] * (3 - servers)
    assert [one.jobs[one.job][one.task] for one in found] == addresses
    assert [one.is_chief for one in found].index(True) == servers


def test_the_pods_of_the_job_are_those_of_the_cluster(monkeypatch):
    spec, addresses = JOB["spec"], ENVIRONMENT["ADDRESSES"].split()
    pods = [f"{JOB['metadata']['name']}-{n}" for n in range(spec["completions"])]
    port = SERVICE["spec"]["ports"][0]["port"]
    assert addresses == [f"{pod}.{SERVICE['metadata']['name']}:{port}" for pod in pods]
    assert (spec["completionMode"], spec["parallelism"]) == ("Indexed", spec["completions"])
    assert POD["subdomain"] == SERVICE["metadata"]["name"]
    assert (
        SERVICE["spec"]["selector"].items() <= JOB["spec"]["template"]["metadata"]["labels"].items()
    )
    assert WORKER["ports"] == [{"containerPort": port}]
    last = tf_config(monkeypatch, "3", ENVIRONMENT["SERVERS"], *addresses)
    assert last.shard == (3, 4)


def test_volumes_are_there():
    mounted = {mount["name"] for mount in WORKER["volumeMounts"]}
    assert mounted == {volume["name"] for volume in POD["volumes"]}
    assert ENVIRONMENT["RUN"].startswith(WORKER["volumeMounts"][0]["mountPath"] + "/")


@pytest.mark.parametrize("name", ["slurm.sh", "tf_config.sh"])
def test_scripts_are_valid_bash(name):
    subprocess.run(["bash", "-n", str(FOLDER / name)], check=True)


def test_what_the_container_runs_is_valid_bash():
    subprocess.run(["bash", "-n", "-c", WORKER["args"][0]], check=True)


def test_slurm_starts_a_worker_per_node(tmp_path, monkeypatch):
    """With stand-ins for Slurm's commands and for Python."""
    tools = {
        "scontrol": "echo node1; echo node2",
        "srun": 'shift; for n in 0 1; do SLURM_PROCID=$n "$@"; done',
        "python": 'echo "$TF_CONFIG $*"',
    }
    for name, line in tools.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(FOLDER / "slurm.sh")],
        cwd=FOLDER.parents[1],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[1-2]"},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines):
        text, words = re.fullmatch(r"(\{.*\}) (-m .*)", line).groups()
        monkeypatch.setenv(cluster.VARIABLE, text)
        found = cluster.from_environment(servers=False)
        assert found.jobs == {"worker": ["node1:2222", "node2:2222"]}
        assert found.task == number
        assert words.startswith("-m modern_tf2 train window-rnn --strategy multiworker")
