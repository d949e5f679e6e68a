"""Damaged files of every kind through the command line: none may end as an internal error.

``python -m helpers.fuzz --seed 1 --count 5000`` (``make fuzz``) draws inputs, runs each through a
command in this process, and prints what ended as an internal error, took over five seconds of CPU
or over two GiB. Input N of a seed is always the same: ``--only N`` runs that one alone, and shows
what the command printed. Hashes that name a damaged file are made right again, mostly, so that the
damage is not refused by its checksum alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from helpers import damage_files, replayed
from helpers.fuzz_targets import BASELINE, RUN, TARGETS
from helpers.fuzz_world import ROOT, make, sha256

CPU_S, MEMORY, SILENT_S = 5, 2 << 30, 90


class Slow(BaseException):
    """The input took too long."""


# -- one input ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """How one input ended."""

    number: int
    kind: str
    file: str
    done: str
    command: str
    code: int
    fault: str = ""
    seconds: float = 0.0
    printed: str = ""


def one(seed: int, number: int, sound: Path) -> Ending:
    """Draw input ``number`` of ``seed``, and run its command."""
    rng = random.Random(f"{seed}-{number}")
    target = rng.choices(TARGETS, [target.weight for target in TARGETS])[0]
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=sound.parent) as folder:
        place = Path(folder)
        shutil.copytree(sound, place, dirs_exist_ok=True, symlinks=True)
        known = [path for pattern in target.files for path in sorted(place.glob(pattern))]
        path = rng.choice([path for path in known if path.is_file()])
        done = [damage_files.damage(path, rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        if rng.random() < 0.85:
            _hash_again(place)
        template = rng.choice(target.commands)
        tool = place.joinpath(*path.relative_to(place).parts[:2])
        words = {"FILE": path, "FOLDER": tool, "ID": _some_id(sound)}
        command = [str(words.get(word, word)) for word in template]
        command = [word.replace(f"{place}/", "") for word in command]
        shown = str(path.relative_to(place))
        begun = Ending(number, target.kind, shown, "; ".join(done), " ".join(command), -1)
        print(json.dumps(asdict(begun)), flush=True)
        code, fault, seconds, printed = _invoke(place, command)
    return replace(begun, code=code, fault=fault, seconds=seconds, printed=printed)


def _some_id(sound: Path) -> str:
    return str(pq.read_table(sound / RUN / "prompts.parquet")["problem_id"][0].as_py())


def _hash_again(place: Path) -> None:
    """Let every record name the files as they are now, as far as it can still be read."""
    for run in (place / RUN, place / "runs" / "half"):
        with contextlib.suppress(Exception):
            replayed.rehash(run)
    with contextlib.suppress(Exception):
        file = place / RUN / "evidence.intoto.json"
        value = json.loads(file.read_text())
        said = value["predicate"]
        for name in (*said["files"], "manifest.json", "verdict.json"):
            found = sha256(place / RUN / name)
            if name in said["files"]:
                said["files"][name] = found
            else:
                said[f"{name.removesuffix('.json')}_sha256"] = found
        with contextlib.suppress(ValueError):
            said["verdict"] = json.loads((place / RUN / "verdict.json").read_text())
        file.write_text(json.dumps(value))
    for file, key, named in (
        (place / BASELINE / "baseline.json", "samples_sha256", "samples.parquet"),
        (place / "made" / "pairs" / "pairs.json", "sha256", "pairs.jsonl"),
    ):
        with contextlib.suppress(Exception):
            value = json.loads(file.read_text())
            if key in value:
                file.write_text(json.dumps({**value, key: sha256(file.parent / named)}))
    with contextlib.suppress(Exception):
        file = place / "made" / "candidate.json"
        value = json.loads(file.read_text())
        value["steps"]["pairs"]["made"] = sha256(place / "made" / "pairs" / "pairs.json")
        file.write_text(json.dumps(value))


def _invoke(place: Path, command: Sequence[str]) -> tuple[int, str, float, str]:
    """Exit code, what is wrong with how it ended, seconds of CPU, and what was printed."""
    from typer.testing import CliRunner

    from smallscale_ci.cli.main import app

    os.chdir(place)
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        done = CliRunner().invoke(app, list(command))
        code, printed, error = done.exit_code, done.stdout + done.stderr, done.exception
    except Slow:
        code, printed, error = -1, "", Slow()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.chdir("/")
    return code, _fault(code, printed, error), time.process_time() - begun, printed


def _fault(code: int, printed: str, error: BaseException | None) -> str:
    if isinstance(error, Slow):
        return f"over {CPU_S} s of CPU"
    if error is not None and not isinstance(error, SystemExit):
        return f"raised {type(error).__name__}: {error}"
    for line in printed.splitlines():
        if "Internal error" in line or line.startswith("Traceback") or "Warning:" in line:
            return line.strip()
    if "Check the disk and its rights" in printed:
        return f"the system's own words: {printed.strip()[:200]}"
    return "" if code in (0, 1, 2, 3, 4, 5) else f"exit code {code}"


# -- many -----------------------------------------------------------------------------------------


def work(seed: int, numbers: range, sound: Path) -> None:
    """Run the inputs ``numbers``, one after another; each is printed before and after it ran."""

    def slow(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGPROF, slow)
    from smallscale_ci.cli.main import app  # noqa: F401 - its memory is not the input's

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for number in numbers:
        print(json.dumps(asdict(one(seed, number, sound))), flush=True)


def run(seed: int, count: int, first: int = 0, *, show: bool = False) -> list[Ending]:
    """The endings of ``count`` inputs; what kills the process that runs them is one of them."""
    endings: list[Ending] = []
    scratch = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="smallscale-fuzz-", dir=scratch) as folder:
        sound = make(Path(folder) / "sound")
        number, last = first, first + count
        while number < last:
            for ending in _worker(seed, range(number, last), sound):
                endings.append(ending)
                number = ending.number + 1
                if ending.fault:
                    print(line(ending), flush=True)
                if show:
                    print(ending.printed)
    return endings


def _worker(seed: int, numbers: range, sound: Path):
    """Endings, as they come, of a process of its own; the last one is its death, if it died."""
    arguments = ["--seed", str(seed), "--work", str(numbers.start), str(numbers.stop), str(sound)]
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLSCALE_", "GITHUB_"))}
    tests = str(ROOT / "tests")
    environment = {**keep, "PYTHONPATH": tests, "XDG_CACHE_HOME": str(sound.parent / "cache")}
    host = subprocess.Popen(
        [sys.executable, "-m", "helpers.fuzz", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "COLUMNS": "400", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )
    assert host.stdout is not None
    assert host.stderr is not None
    begun = None
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(host.pid, signal.SIGKILL))
    try:
        for line in host.stdout:
            signal.alarm(SILENT_S)
            if not line.startswith("{"):
                continue
            ending = Ending(**json.loads(line))
            if begun is None:
                begun = ending
            else:
                yield ending
                begun = None
    finally:
        signal.alarm(0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(host.pid, signal.SIGKILL)
    if host.wait():
        tail = host.stderr.read()[-2000:]
        assert begun is not None, tail
        yield replace(begun, code=host.returncode, fault=f"the process died: {tail}")


def line(ending: Ending) -> str:
    """What was done, what was run, and how it ended."""
    return (
        f"#{ending.number} {ending.file} ({ending.done})\n    {ending.command}\n"
        f"    exit {ending.code}, {ending.seconds:.1f} s: {ending.fault}"
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--only", type=int)
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        first, last, sound = asked.work
        work(asked.seed, range(int(first), int(last)), Path(sound))
        return 0
    if asked.only is not None:
        endings = run(asked.seed, 1, asked.only, show=True)
    else:
        endings = run(asked.seed, asked.count)
    faults = [ending for ending in endings if ending.fault]
    codes = Counter(ending.code for ending in endings)
    kinds = Counter(ending.kind for ending in endings)
    print(f"{len(endings)} inputs of seed {asked.seed}: {len(faults)} faults")
    print("exit codes:", ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())))
    print("kinds:", ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())))
    slowest = max(endings, key=lambda ending: ending.seconds)
    print(f"slowest: {slowest.seconds:.1f} s of CPU, {slowest.command}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
