"""Kills of whatever can be killed, at random moments, and what is there afterwards.

``python -m helpers.kills --runs 500 --records 100`` (``make chaos``) kills workers and hosts of
replayed runs until it has killed 500 of them, and ``baseline record`` 100 times, and prints what
was lost, doubled or half-written. Every process is a real one of the command line.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from helpers import replayed
from smallscale_ci.errors import SmallscaleError
from smallscale_ci.generate.scheduler import _KILLS
from smallscale_ci.run import baselines, tables
from smallscale_ci.run.folder import RunFolder

SAMPLES = 200
EVAL = ("eval", "stored/src", "--suite", "tiny", "--profile", "slow", "--baseline", "tiny/replay/m")
_WAIT_S = 90.0
_RESUMED = 5  # times; the last is left in peace

Answers = list[tuple[str, int, str, tuple[int, ...]]]


def make(place: Path) -> Path:
    """A suite, a run to replay on four ranks, and its baseline, in ``place``."""
    replayed.make_configs(place, problems=SAMPLES)
    slow = replayed.SLOW.replace("200", "100").replace("ranks: 2", "ranks: 4")
    (place / "configs" / "engines" / "slow.yaml").write_text(slow)
    source = replayed.make_run(place, "src", epochs=2)
    done = record(place, source, "baselines").wait()
    assert done == 0
    return place


def undisturbed(place: Path) -> Answers:
    """The answers of a run that nothing disturbs."""
    done = replayed.smallscale(place, *EVAL, "--profile", "replay", "--runs", place / "calm")
    assert done.returncode == 0, done.stderr
    (run,) = (place / "calm").iterdir()
    return replayed.answers(run)


def is_complete(run: Path) -> bool:
    """Whether ``run`` has its verdict."""
    return RunFolder(run).verdict.exists()


def storm(
    place: Path, runs: Path, chance: random.Random, rounds: int = 4
) -> tuple[Path, Counter[str]]:
    """One run that is killed and resumed until it is complete; how often what was killed.

    Workers are killed in up to ``rounds`` rounds before their host is.
    """
    killed: Counter[str] = Counter()
    host = replayed.start(place, *EVAL, "--runs", runs)
    replayed.wait_for(lambda: list(runs.glob("*/manifest.json")), "the run folder", _WAIT_S)
    (run,) = runs.iterdir()
    resumed = 0
    while resumed < _RESUMED and not is_complete(run):
        if chance.random() < 0.8:  # else while it starts
            replayed.wait_for(partial(begun, host), "workers", _WAIT_S)
        for _ in range(chance.randint(0, rounds)):
            time.sleep(chance.expovariate(4))
            killed["worker"] += kill_some(host, chance)
        time.sleep(chance.expovariate(2))
        ended = host.poll() is not None
        host.send_signal(chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        host.communicate(timeout=_WAIT_S)
        killed["host"] += not ended
        if not is_complete(run):  # at once, while orphaned workers may still be there
            host = replayed.start(place, "eval", "--resume", run)
            resumed += 1
    if not is_complete(run):
        out, err = host.communicate(timeout=_WAIT_S)
        assert host.returncode == 0, out + err
    return run, killed


def begun(host: subprocess.Popen[str]) -> bool:
    """Whether ``host`` has workers, or has ended."""
    return host.poll() is not None or bool(replayed.workers_of(host.pid))


def kill_some(host: subprocess.Popen[str], chance: random.Random) -> int:
    """Kill each worker with a chance of 0.3; how many were killed."""
    killed = 0
    for worker in replayed.workers_of(host.pid):
        if chance.random() < 0.3:
            replayed.kill(worker)
            killed += 1
            time.sleep(chance.uniform(0, 0.05))
    return killed


def faults(run: Path, wanted: Answers) -> Counter[str]:
    """What of a complete run was lost, doubled, half-written or changed.

    A sample that was in flight at three deaths is held to be what kills workers, and ERRORED with
    that reason: it is neither lost nor changed.
    """
    found: Counter[str] = Counter()
    try:
        answers = replayed.answers(run)
        rows = len(RunFolder(run).read_samples())
    except SmallscaleError:
        return Counter(half_written=1)
    keys = [answer[:2] for answer in answers]
    found["lost"] = len({answer[:2] for answer in wanted} - set(keys)) + (rows < len(wanted))
    found["doubled"] = len(keys) - len(set(keys)) + (rows > len(wanted))
    given_up = {
        (one.problem_id, one.sample_index)
        for one in tables.generations(run / "generations.parquet")
        if one.error == _KILLS
    }
    found["changed"] = len(
        {one for one in answers if one[:2] not in given_up}.symmetric_difference(
            one for one in wanted if one[:2] not in given_up
        )
    )
    return +found


def record(place: Path, run: Path, root: str) -> subprocess.Popen[str]:
    """``baseline record`` of ``run`` below ``root``, begun."""
    signed = ("--by", "Ada", "-m", "again", "--baselines", root)
    return replayed.start(place, "baseline", "record", run, *signed)


def kill_records(place: Path, count: int, chance: random.Random) -> tuple[int, Counter[str]]:
    """Kill ``baseline record`` ``count`` times while it writes; faults, and those that had ended.

    After each kill the baseline is the old one or the new one, whole; recording it again works, and
    all that was recorded before is still there.
    """
    found: Counter[str] = Counter()
    stored = [replayed.make_run(place, f"r{n}", wrong=0.1 * n, seed=n) for n in (1, 2)]
    digests = [RunFolder(run).read_samples().digest() for run in stored]
    folder = place / "kept" / "tiny" / "replay" / "m"
    assert record(place, stored[0], "kept").wait() == 0
    late = 0
    for number in range(count):
        old, new = digests[number % 2], digests[(number + 1) % 2]
        process = record(place, stored[(number + 1) % 2], "kept")
        while process.poll() is None and not (folder / ".new").exists():
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.02))
        late += process.poll() is not None
        process.kill()
        process.communicate(timeout=_WAIT_S)
        found += _of_baseline(folder, {old, new}, "half_written")
        again = record(place, stored[(number + 1) % 2], "kept")
        _, err = again.communicate(timeout=_WAIT_S)
        found["refused"] += again.returncode != 0
        found += _of_baseline(folder, {new}, "lost")
        kept = {baselines.load(one).samples.digest() for one in (folder / "history").iterdir()}
        found["lost"] += not set(digests[: number + 1]) <= kept | {new}
        if again.returncode:
            print(err, file=sys.stderr)
    return late, +found


def _of_baseline(folder: Path, allowed: set[str], fault: str) -> Counter[str]:
    try:
        return Counter({fault: int(baselines.load(folder).samples.digest() not in allowed)})
    except SmallscaleError as error:
        print(error, file=sys.stderr)
        return Counter({fault: 1})


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=500, help="kills of workers and hosts")
    parser.add_argument("--records", type=int, default=100, help="kills of baseline record")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    killed: Counter[str] = Counter()
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder))
        wanted = undisturbed(place)
        count = 0
        while killed.total() < asked.runs:
            run, more = storm(place, place / "runs" / str(count), chance, rounds=16)
            killed, found, count = killed + more, found + faults(run, wanted), count + 1
        print(
            f"{count} runs, {killed['worker']} workers and {killed['host']} hosts killed:", end=" "
        )
        print(_said(found), flush=True)
        late, of_records = kill_records(place, asked.records, chance)
        print(f"{asked.records} recordings killed, {late} of them had ended: {_said(of_records)}")
    return 1 if found or of_records else 0


def _said(found: Counter[str]) -> str:
    kinds = dict.fromkeys(("lost", "doubled", "half_written"), 0) | found
    return ", ".join(f"{kind.replace('_', '-')} {count}" for kind, count in kinds.items())


if __name__ == "__main__":
    sys.exit(main())
