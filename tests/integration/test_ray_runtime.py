"""The ray runtime on a real local cluster of several nodes, each with processes of its own."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from helpers import replayed

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.ray import RayRuntime
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason, Prompt, SamplingSpec
from smallscale_ci.run.folder import RunFolder

ray = pytest.importorskip("ray", reason="pip install 'smallscale-ci[ray]'")
COUNT = 120


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Ray leaves a variable in it, for breakpoints."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head without room for ranks, and two nodes with room for two each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.nodes = [made.add_node(num_cpus=2), made.add_node(num_cpus=2)]
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def stored(place: Path) -> Path:
    model = place / "stored.jsonl"
    lines = [
        {"problem_id": f"p{n}", "sample_index": 0, "text": f"t{n}", "token_ids": [1] * 10,
         "prompt_tokens": 1, "finish_reason": "STOP"}
        for n in range(COUNT)
    ]  # fmt: skip
    model.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return model


def planned() -> Planned:
    return Planned.of(
        [Prompt(f"p{n}", 0, "t", ({"role": "user", "content": "?"},), n) for n in range(COUNT)]
    )


def runtime(**options: Any) -> RayRuntime:
    given = {"address": "auto", "python": None, "extra": {}, "gpus": 0, "max_in_flight": 4}
    return RayRuntime(**{**given, **options})


def job(place: Path, speed: float) -> Job:
    arguments = {"tokens_per_second": speed}
    spec = SamplingSpec(0, 1, 0, 0, 8, 0)
    return Job("replay", str(stored(place)), spec, 4, engine_args=arguments)


def workers() -> list[int]:
    """Worker processes of outposts on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if b"smallscale-" in command and b"--rank" in command:
                found.append(int(folder.name))
    return found


def test_ranks_spread_over_nodes_and_a_dead_node_costs_nothing(cluster, tmp_path):
    found = []
    with (
        WorkFolder(tmp_path / "work") as folder,
        Scheduler(folder, Ranks(runtime(), 3, Limits(120, 120)), job(tmp_path, 15.0)) as scheduler,
    ):
        for some in scheduler.run(planned()):
            found += some
            if cluster.nodes and len({g.rank for g in found}) == 3 and len(found) > 20:
                cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
                cluster.add_node(num_cpus=2)
                cluster.nodes = []
        warnings = scheduler.ranks.warnings
        assert scheduler.ranks.info()["engine"] == "replay"
    assert Counter(g.problem_id for g in found) == Counter(f"p{n}" for n in range(COUNT))
    assert all(g.finish_reason is FinishReason.STOP for g in found)
    assert {g.text for g in found} == {f"t{n}" for n in range(COUNT)}
    assert warnings
    assert "was started again" in warnings[0]
    deadline = time.monotonic() + 60
    while workers():
        assert time.monotonic() < deadline, "workers outlived their run"
        time.sleep(0.1)


def test_a_rank_without_a_place_takes_no_work(cluster, tmp_path):
    cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)  # room for two of the three
    found, deadline = [], time.monotonic() + 120
    with (
        WorkFolder(tmp_path / "work") as folder,
        Scheduler(folder, Ranks(runtime(), 3, Limits(600, 600)), job(tmp_path, 30.0)) as scheduler,
    ):
        for some in scheduler.run(planned()):
            found += some
            assert time.monotonic() < deadline, f"{COUNT - len(found)} samples wait for a place"
        begin = time.monotonic()
    assert time.monotonic() - begin < 60  # nor is it waited for at the end
    assert len({g.rank for g in found}) == 2
    assert all(g.finish_reason is FinishReason.STOP for g in found)


def test_what_a_dead_worker_started_is_gone_from_its_node(cluster, tmp_path):
    python = tmp_path / "python"
    child = f"env > {tmp_path}/env; sleep 600 & echo $! > {tmp_path}/child; sleep 1; exit 9"
    python.write_text(f"#!/bin/sh\n{child}\n")
    python.chmod(0o755)
    with (
        WorkFolder(tmp_path / "work") as folder,
        Scheduler(
            folder, Ranks(runtime(python=python), 1, Limits(120, 120)), job(tmp_path, 9.0)
        ) as scheduler,
        pytest.raises(EngineError, match="ended with code 9"),
    ):
        list(scheduler.run(planned()))
    child = (tmp_path / "child").read_text().strip()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, "it holds its node's GPU"
        time.sleep(0.1)
    # What an engine starts with -c imports nothing from the folder that its node was started in.
    assert "PYTHONSAFEPATH=1" in (tmp_path / "env").read_text().splitlines()


def test_no_cluster_is_told():
    if ray.is_initialized():
        ray.shutdown()
    with pytest.raises(EngineError, match="No Ray cluster") as caught:
        runtime(address="127.0.0.1:1")
    assert "ray start" in caught.value.hint


def test_a_run_of_the_command_line_on_a_cluster(cluster, tmp_path):
    replayed.make_configs(tmp_path)
    replayed.make_run(tmp_path, "src", epochs=1)
    done = replayed.smallscale(
        tmp_path,
        *("generate", "stored/src", "--suite", "tiny", "--profile", "slow", "--runtime", "ray"),
        timeout=120,
        RAY_ADDRESS=cluster.address,
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert replayed.answers(run) == replayed.answers(tmp_path / "stored" / "src")
    manifest = RunFolder(run).read_manifest()
    assert manifest.runtime.name == "ray"
    assert set(manifest.ranks) == {"0", "1"}
