"""Ranks that one run has loaded and another goes on with: real worker processes that replay."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.scheduled import SAMPLING, World, collect, keys, prompts

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.ranks import Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.worker import protocol


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[WorkFolder]]:
    """The work folders of three runs."""
    with ExitStack() as held:
        yield [
            held.enter_context(WorkFolder(tmp_path / name / "work"))
            for name in ("first", "second", "third")
        ]


def loaded(world: World, folders: list[WorkFolder], ranks: int = 2, **arguments: object) -> Ranks:
    """Ranks for all of ``folders``, and the job that loads them in ``world.job``."""
    world.scheduler(folders[0])  # its runtime
    world.job = Job("replay", str(world.model), SAMPLING, 4, engine_args=arguments)
    return world.ranks(ranks, folders=folders)


def test_an_engine_is_loaded_once_for_all_runs(world, folders):
    world.store(30, epochs=3)
    ranks = loaded(world, folders, start_s=0.3, tokens_per_second=400)
    pids = []
    for number, folder in enumerate(folders):
        sampling = replace(SAMPLING, max_tokens=8 + number)
        with Scheduler(folder, ranks, replace(world.job, sampling=sampling)) as scheduler:
            found = collect(scheduler, prompts(30, epoch=number))
            pids.append(world.pids())
        assert keys(found) == Counter((f"p{n}", number) for n in range(30))
        assert scheduler.tokens.total() == 300
        status = scheduler.ranks.status()
        load = sum(each["load_s"] for each in status.values())
        if number:
            assert scheduler.seconds_to_ready == 0
            assert load == 0
            assert ranks.loaded_in == folders[0].path
            assert scheduler.prompt_hashes
        else:
            assert scheduler.seconds_to_ready >= 0.3
            assert load >= 0.3
            assert ranks.loaded_in is None
        # Each run's sums are its own: the time between two runs is the later one's. On a busy
        # machine one rank may have taken every prompt before the other looked.
        busy = [each["busy_s"] for each in status.values()]
        assert 0 < sum(busy) < 100
        assert ranks.warnings == []
    assert pids[0] == pids[1]
    assert len(pids[0]) == 2
    assert world.pids() == []
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids[0])
    assert not (folders[2].path / protocol.NEXT).exists()
    assert (folders[2].path / protocol.STOP).exists()
    for folder in folders[:2]:
        state = protocol.read_json(folder.path / "alive" / "0.json")["state"]
        assert state == protocol.DONE
        assert not (folder.path / protocol.STOP).exists()


def test_what_is_left_between_two_runs_may_be_deleted_at_once(world, folders):
    world.store(10, epochs=2)
    ranks = loaded(world, folders[:2])
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(10))
        pids = world.pids()
    for name in ("out", "pending", "claimed", "alive"):  # as a complete run does
        for path in sorted((folders[0].path / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folders[0].path / name).rmdir()
    with Scheduler(folders[1], ranks, world.job) as scheduler:
        assert len(collect(scheduler, prompts(10, epoch=1))) == 10
        assert world.pids() == pids
    assert ranks.warnings == []


def test_a_worker_killed_in_the_second_run_comes_back_into_it(world, folders):
    world.store(200, epochs=2)
    ranks = loaded(world, folders[:2], tokens_per_second=100, start_s=0.1)
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(10))
    killed: list[int] = []

    def at(count: int) -> None:
        if count > 15 and not killed:
            killed.append(world.pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    with Scheduler(folders[1], ranks, world.job) as scheduler:
        found = collect(scheduler, prompts(200, epoch=1), at)
        assert ranks.status()[0]["load_s"] > 0  # this one was loaded here
    assert keys(found) == Counter((f"p{n}", 1) for n in range(200))
    assert len(ranks.warnings) == 1
    assert "rank 0 died and was started again" in ranks.warnings[0]
    lines = b"".join(path.read_bytes() for path in (folders[0].path / "out").iterdir())
    assert lines.count(b"\n") == 10  # nothing of the second run went there


def test_a_worker_killed_between_two_runs_is_started_in_the_second(world, folders):
    world.store(20, epochs=2)
    ranks = loaded(world, folders[:2])
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(20))
    for pid in world.pids():
        os.kill(pid, signal.SIGKILL)
    with Scheduler(folders[1], ranks, world.job) as scheduler:
        found = collect(scheduler, prompts(20, epoch=1))
    assert keys(found) == Counter((f"p{n}", 1) for n in range(20))
    assert len(ranks.warnings) >= 1


def test_a_run_that_needs_another_engine_is_refused_by_the_workers(world, folders):
    world.store(10, epochs=2)
    ranks = loaded(world, folders[:2])
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(10))
    other = replace(world.job, model="another", deterministic=True)
    with (
        pytest.raises(EngineError, match="another engine: deterministic, model changed"),
        Scheduler(folders[1], ranks, other) as scheduler,
    ):
        collect(scheduler, prompts(10, epoch=1))
    assert world.pids() == []


def test_both_ranks_share_the_second_run_where_one_was_late(world, folders):
    world.store(400, epochs=2)  # the first would be busy with them for ten seconds
    ranks = loaded(world, folders[:2], start_s=1.0, tokens_per_second=100)
    ranks._one_by_one = True
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        assert {g.rank for g in collect(scheduler, prompts(4))} == {0}
    with Scheduler(folders[1], ranks, world.job) as scheduler:
        found = collect(scheduler, prompts(400, epoch=1))
        status = ranks.status()
    assert {g.rank for g in found} == {0, 1}
    assert keys(found) == Counter((f"p{n}", 1) for n in range(400))
    assert status[0]["load_s"] == 0  # of the first run
    # On a busy machine the late one may have been there before the first run ended.
    kept = [protocol.read_json(folder.path / "alive" / "1.json") or {} for folder in folders[:2]]
    assert sum(each.get("load_s", 0) for each in kept) >= 1.0
    assert ranks.warnings == []


def test_a_run_that_needs_no_engine_lets_the_next_load_it(world, folders):
    world.store(5, epochs=2)
    ranks = loaded(world, folders[:1], ranks=1)
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(5))
    ranks = loaded(world, folders[:2], ranks=1)
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        assert len(collect(scheduler, prompts(5))) == 5  # all on disk
        assert world.pids() == []
    with Scheduler(folders[1], ranks, world.job) as scheduler:
        assert len(collect(scheduler, prompts(5, epoch=1))) == 5
        assert ranks.loaded_in is None
        assert len(world.pids()) == 1
    assert world.pids() == []


def test_what_an_earlier_host_left_in_the_next_folder_ends_nobody(world, folders):
    """The second run was interrupted once: its folder still says stop, and has a job."""
    world.store(20, epochs=2)
    folders[1].ask_to_stop()
    protocol.write_atomically(folders[1].path / protocol.JOB, {"protocol": 1})
    ranks = loaded(world, folders[:2])
    with Scheduler(folders[0], ranks, world.job) as scheduler:
        collect(scheduler, prompts(20))
        pids = world.pids()
    with Scheduler(folders[1], ranks, world.job) as scheduler:
        assert len(collect(scheduler, prompts(20, epoch=1))) == 20
        assert world.pids() == pids


def test_an_error_in_the_first_run_ends_the_engine(world, folders):
    world.store(20)
    ranks = loaded(world, folders[:2], tokens_per_second=50)
    pids = []

    def interrupted(count: int) -> None:
        if count:
            pids.extend(world.pids())
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Scheduler(folders[0], ranks, world.job) as scheduler,
    ):
        collect(scheduler, prompts(20), interrupted)
    assert len(pids) == 2
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)
    assert not (folders[0].path / protocol.NEXT).exists()
    assert json.loads((folders[0].path / protocol.JOB).read_text())["engine"] == "replay"
