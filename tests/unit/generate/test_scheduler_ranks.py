"""The scheduler with the real runtime and real worker processes that replay."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers.scheduled import PATIENT, SAMPLING, collect, keys, prompts, wait_for_rank

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.local import WORKER_FOLDER, LocalRuntime
from smallscale_ci.generate.ranks import Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason


def test_a_rank_that_fails_to_start_is_done_without(world, folder, tmp_path):
    world.store(10)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *"--rank 1"*) exit 9;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    with world.scheduler(folder, ranks=2, python=str(python), tokens_per_second=50) as scheduler:
        found = collect(scheduler, prompts(10))
        assert scheduler.ranks.warnings == [
            "rank 1 was given up: the engine process of rank 1 ended with code 9"
        ]
    assert len(found) == 10


def test_a_rank_that_joins_late_works_and_its_death_costs_nothing(world, folder):
    world.store(60)
    guests: list[subprocess.Popen[bytes]] = []

    def at(count: int) -> None:
        if not guests and count >= 5:
            command = [sys.executable, str(WORKER_FOLDER), "--work", str(folder.path)]
            guests.append(subprocess.Popen([*command, "--rank", "7"]))
            wait_for_rank(folder, 7)
        if guests and guests[0].poll() is None and 7 in ranks_seen(folder):
            guests[0].terminate()  # polite: it says that it is done, and what it had is taken back
            guests[0].wait()

    with world.scheduler(folder, tokens_per_second=40) as scheduler:
        found = collect(scheduler, prompts(60), at)
        assert guests[0].returncode == 0
        assert scheduler.ranks.warnings == []
        assert scheduler.tokens[7] > 0
    assert keys(found) == Counter((f"p{n}", 0) for n in range(60))
    assert {g.rank for g in found} == {0, 7}
    assert all(g.finish_reason is FinishReason.STOP for g in found)


def ranks_seen(folder: WorkFolder) -> set[int]:
    return {int(path.stem) for path in (folder.path / "out").glob("*.jsonl") if path.stat().st_size}


def test_an_item_that_kills_its_workers_is_found_and_the_others_are_not_blamed(world, folder):
    world.store(24)
    lines = [json.loads(line) for line in world.model.read_text().splitlines()]
    lines[5]["kills"] = True
    world.model.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with world.scheduler(folder, in_flight=8, tokens_per_second=100) as scheduler:
        found = {g.problem_id: g for g in collect(scheduler, prompts(24))}
        assert len(scheduler.ranks.warnings) == 3  # the third time it was alone
        assert set(scheduler.prompt_hashes) == {f"p{number}" for number in range(24)}
    assert len(found) == 24
    assert found["p5"].finish_reason is FinishReason.ERROR
    assert found["p5"].error == "its worker died 3 times"
    others = {name: g for name, g in found.items() if name != "p5"}
    assert {g.finish_reason for g in others.values()} == {FinishReason.STOP}


@pytest.mark.parametrize("in_flight", [1, 8, 24])
def test_a_run_in_which_every_sample_kills_its_engine_ends_soon(world, folder, in_flight):
    world.store(24)
    lines = [{**json.loads(line), "kills": True} for line in world.model.read_text().splitlines()]
    world.model.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with world.scheduler(folder, ranks=2, in_flight=in_flight) as scheduler:
        with pytest.raises(EngineError, match="ended with code -9") as caught:
            collect(scheduler, prompts(24))
        assert len(scheduler.ranks.warnings) <= 6  # each rank was started again twice
    assert "log/" in caught.value.hint


def test_ranks_that_share_a_gpu_start_one_after_the_other(world, folder):
    world.store(30)
    loaded: list[int] = []
    scheduler = Scheduler(
        folder,
        Ranks(LocalRuntime(Path(sys.executable), world.environment), 3, PATIENT, one_by_one=True),
        Job("replay", str(world.model), SAMPLING, 2, engine_args={"start_s": 0.4,
            "tokens_per_second": 20}),
    )  # fmt: skip
    with scheduler:

        def at(count: int) -> None:
            states = [(folder.status(n) or {}).get("state") for n in range(3)]
            loaded.append(sum(state == "starting" for state in states))

        found = collect(scheduler, prompts(30), at)
    assert len(found) == 30
    assert max(loaded) == 1
    assert {g.rank for g in found} == {0, 1, 2}


def test_what_a_dead_worker_started_is_gone_before_its_successor_starts(folder, tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nsleep 600 &\necho $! >> {tmp_path}/children\nexit 1\n")
    python.chmod(0o755)
    runtime = LocalRuntime(python, {"PATH": os.environ["PATH"]})
    try:
        for _ in range(2):
            runtime.start(folder.path, 0)
            while runtime.poll()[0] is None:
                time.sleep(0.02)
        first, second = (int(line) for line in (tmp_path / "children").read_text().split())
        assert not lives(first)  # it would hold the GPU that its successor needs
        assert lives(second)
    finally:
        runtime.stop(0)
    assert not lives(second)


def lives(process: int) -> bool:
    """Whether a process is there and no zombie, now or a moment later."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True
