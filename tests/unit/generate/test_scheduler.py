"""The scheduler with the real runtime and real worker processes that replay."""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers.scheduled import collect, keys, prompts, wait_for_rank

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.local import WORKER_FOLDER, LocalRuntime
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Limits
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason
from smallscale_ci.worker import protocol


def test_every_sample_once_over_several_ranks_and_epochs(world, folder):
    world.store(40, epochs=2)
    with world.scheduler(folder, ranks=2, tokens_per_second=200) as scheduler:
        # Both are there before one has taken everything.
        first = collect(scheduler, prompts(40), lambda count: wait_for_rank(folder, 1))
        pids = world.pids()
        second = collect(scheduler, prompts(40, epoch=1))
        assert world.pids() == pids  # loaded once
        assert scheduler.ranks.info()["engine"] == "replay"
    assert set(keys(first + second).values()) == {1}
    assert len(first + second) == 80
    assert {g.text for g in second} == {f"{n}/1" for n in range(40)}
    assert {g.rank for g in first + second} == {0, 1}
    assert scheduler.tokens.total() == 800
    assert 0 < scheduler.tokens_per_s < 8 * 200 * 1.2  # both ranks, four at a time
    assert len(scheduler.prompt_hashes) == 40
    assert scheduler.ranks.warnings == []
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_killed_worker_costs_nothing(world, folder):
    world.store(60)
    killed: list[int] = []

    def at(count: int) -> None:
        if len(killed) < 2 and count > 5 + 15 * len(killed):
            # One that is still loading would be given up: loading again would fail again.
            wait_for_rank(folder, len(killed))
            victim = world.pids()[len(killed)]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    with world.scheduler(folder, ranks=2, tokens_per_second=100) as scheduler:
        found = collect(scheduler, prompts(60), at)
        assert len(killed) == 2
        assert len(scheduler.ranks.warnings) == 2
        assert "was started again" in scheduler.ranks.warnings[0]
    assert keys(found) == Counter((f"p{n}", 0) for n in range(60))
    assert all(g.finish_reason is FinishReason.STOP for g in found)


def test_an_abandoned_run_is_taken_up_without_repeating_anything(world, tmp_path):
    world.store(40)
    with (
        WorkFolder(tmp_path / "work") as folder,
        world.scheduler(folder, tokens_per_second=25) as scheduler,
    ):
        next(found for found in scheduler.run(Planned.of(prompts(40))) if found)
    lines = b"".join(path.read_bytes() for path in (tmp_path / "work" / "out").iterdir())
    before = lines.count(b"\n")
    assert 0 < before < 40
    with WorkFolder(tmp_path / "work") as folder, world.scheduler(folder, ranks=2) as scheduler:
        found = collect(scheduler, prompts(40))
    lines = b"".join(path.read_bytes() for path in (tmp_path / "work" / "out").iterdir())
    assert lines.count(b"\n") == 40  # nothing was generated twice
    assert set(keys(found).values()) == {1}
    assert len(found) == 40


def test_what_is_complete_needs_no_engine(world, tmp_path):
    world.store(5)
    with WorkFolder(tmp_path / "work") as folder, world.scheduler(folder) as scheduler:
        collect(scheduler, prompts(5))
    broken = world.place / "none"
    with (
        WorkFolder(tmp_path / "work") as folder,
        world.scheduler(folder, python=str(broken)) as scheduler,
    ):
        assert len(collect(scheduler, prompts(5))) == 5
        assert scheduler.tokens_per_s == 0.0


def test_an_engine_that_dies_at_its_start_shows_its_log(world, folder):
    world.model.write_text("no json\n")
    with world.scheduler(folder) as scheduler, pytest.raises(EngineError) as caught:
        collect(scheduler, prompts(3))
    assert "Stored completions cannot be read" in caught.value.message
    assert caught.value.hint.endswith("log/0.log.")


def test_a_python_that_cannot_run_the_worker_shows_what_it_printed(world, folder):
    python = world.place / "python"
    python.write_text("#!/bin/sh\necho 'libfoo.so: cannot open shared object file'\nexit 7\n")
    python.chmod(0o755)
    with (
        world.scheduler(folder, python=str(python)) as scheduler,
        pytest.raises(EngineError, match="ended with code 7") as caught,
    ):
        collect(scheduler, prompts(3))
    assert "libfoo.so" in caught.value.log_tail


def test_a_python_that_is_not_there_is_told(world, folder):
    with (
        world.scheduler(folder, python="/none/python") as scheduler,
        pytest.raises(EngineError, match="/none/python cannot be started"),
    ):
        collect(scheduler, prompts(3))


def test_an_engine_that_never_starts_is_not_waited_for_for_ever(world, folder):
    world.store(3)
    with world.scheduler(folder, limits=Limits(1.0, 30, 0.5), start_s=60) as scheduler:
        with pytest.raises(EngineError) as caught:
            collect(scheduler, prompts(3))
        pids = world.pids()
    assert "1 s" in caught.value.message or "ended with code -1" in caught.value.message
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


def test_an_engine_that_completes_nothing_is_not_waited_for_for_ever(world, folder):
    world.store(3, tokens=1000)
    with (
        world.scheduler(folder, limits=Limits(30, 1.0, 0.5), tokens_per_second=1) as scheduler,
        pytest.raises(EngineError, match="complete anything within 1 s") as caught,
    ):
        collect(scheduler, prompts(3))
    assert "stall_timeout_s" in caught.value.hint


def test_time_between_epochs_is_no_stall(world, folder):
    world.store(4, epochs=2)
    with world.scheduler(folder, limits=Limits(30, 9.0), tokens_per_second=100) as scheduler:
        collect(scheduler, prompts(4))
        world.later += 9.5  # the judges are busy
        assert len(collect(scheduler, prompts(4, epoch=1))) == 4


def test_the_host_gives_signs_of_life_while_its_caller_judges(world, folder):
    world.store(4)
    with world.scheduler(folder, ranks=2) as scheduler:
        collect(scheduler, prompts(4))
        # In containers workers that see none for a minute end themselves.
        first = protocol.read_json(folder.path / "alive" / "host")
        deadline = time.monotonic() + 60
        while (later := protocol.read_json(folder.path / "alive" / "host"))[1] == first[1]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pid, beats, ranks, _rates = later
        assert (pid, ranks) == (os.getpid(), 2)
        assert beats > first[1]


def test_a_restart_late_in_a_run_has_its_own_time_to_start(world, folder):
    world.store(60)
    killed: list[int] = []

    def at(count: int) -> None:
        if count and world.later < 45:
            world.later += 9  # the run goes on for longer than a start may take
        elif not killed and count > 10:
            killed.append(world.pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    limits = Limits(30, 1000)
    with world.scheduler(folder, limits=limits, tokens_per_second=40) as scheduler:
        found = collect(scheduler, prompts(60), at)
    assert len(found) == 60
    assert killed


def test_a_full_disk_at_the_end_still_stops_the_workers(world, folder):
    world.store(30)
    with world.scheduler(folder, tokens_per_second=1, limits=Limits(30, 30, 0.5)) as scheduler:
        for _ in scheduler.run(Planned.of(prompts(30))):
            if scheduler.ready:
                break
        pids = world.pids()
        (folder.path / "stop").symlink_to("/none/at/all")
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


def test_secrets_do_not_reach_the_engine(world, folder, tmp_path):
    world.store(1)
    world.environment |= {"HF_TOKEN": "hidden", "MY_API_KEY": "hidden", "HARMLESS": "shown"}
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nenv > {tmp_path}/env\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with world.scheduler(folder, python=str(python)) as scheduler:
        collect(scheduler, prompts(1))
    seen = (tmp_path / "env").read_text()
    assert "hidden" not in seen
    assert "HARMLESS=shown" in seen
    assert "HF_HUB_OFFLINE=1" in seen


def test_gpus_by_cdi_name_are_their_numbers_outside_of_containers(folder, tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $CUDA_VISIBLE_DEVICES > {tmp_path}/seen\n")
    python.chmod(0o755)
    runtime = LocalRuntime(python, {}, [("nvidia.com/gpu=1", "GPU-7f")])
    runtime.start(folder.path, 0)
    while runtime.poll()[0] is None:
        time.sleep(0.02)
    assert (tmp_path / "seen").read_text() == "1,GPU-7f\n"


def test_a_machine_that_slept_has_no_hanging_engines(world, folder):
    world.store(40)

    def at(count: int) -> None:
        if count > 10:
            world.later = 1e6  # all at once, forward
        if count > 20:
            world.later = -1e6  # and backward

    scheduler = world.scheduler(folder, ranks=2, limits=Limits(20, 15), tokens_per_second=100)
    with scheduler:
        found = collect(scheduler, prompts(40), at)
    assert len(found) == 40
    assert scheduler.ranks.warnings == []


def test_nothing_that_decides_reads_the_wall_clock():
    package = WORKER_FOLDER.parent
    for path in [*WORKER_FOLDER.glob("*.py"), *(package / "generate").glob("*.py")]:
        if path.name in {"claims.py", "patience.py"}:
            continue  # how long files lie there, where a jump does no harm; dates of a server
        text = path.read_text()
        assert "time.time(" not in text, path
        assert "datetime" not in text, path
        assert "st_mtime" not in text, path


def test_no_rank_takes_what_others_could_do_at_once(world, folder):
    world.store(12)
    with world.scheduler(folder, ranks=3, in_flight=99, tokens_per_second=3) as scheduler:
        found = collect(scheduler, prompts(12))
    assert {g.rank for g in found} == {0, 1, 2}


def test_a_long_history_is_handed_on_in_small_parts(world, folder):
    world.store(1000)
    with world.scheduler(folder, in_flight=64) as scheduler:
        collect(scheduler, prompts(1000))
    with world.scheduler(folder) as again:
        parts = [len(part) for part in again.run(Planned.of(prompts(1000)))]
        assert again.tokens_per_s == 0
    assert sum(parts) == 1000
    assert max(parts) <= 256


def test_epochs_that_were_begun_before_are_taken_up_one_by_one(world, tmp_path):
    world.store(20, epochs=2)
    both = [*prompts(20), *prompts(20, epoch=1)]
    with WorkFolder(tmp_path / "work") as folder, world.scheduler(folder) as scheduler:
        collect(scheduler, both)
    with (
        WorkFolder(tmp_path / "work") as folder,
        world.scheduler(folder, python="/none") as scheduler,
    ):
        first = collect(scheduler, prompts(20))
        second = collect(scheduler, prompts(20, epoch=1))
    assert set(keys(first + second).values()) == {1}
    assert {g.sample_index for g in first} == {0}
    assert {g.sample_index for g in second} == {1}
    assert scheduler.tokens == scheduler.found


def test_what_the_last_second_took_is_counted(world, folder):
    world.store(16)
    with world.scheduler(folder, tokens_per_second=50) as scheduler:  # 0.2 s each, four at a time
        collect(scheduler, prompts(16))
    status = scheduler.ranks.status()[0]
    assert status["busy_s"] >= 0.8
    assert status["done"] == 16
