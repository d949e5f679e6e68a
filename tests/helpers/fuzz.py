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
import hashlib
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

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from helpers import checkpoints, damage_files, replayed
from helpers.foreign import DATA

CPU_S, MEMORY, SILENT_S = 5, 2 << 30, 90
_ROOT = Path(__file__).resolve().parents[2]
_RUN, _OTHER, _BASELINE = "runs/run", "stored/src", "baselines/tiny/replay/m"
_EVAL = ("eval", "stored/src", "-s", "tiny", "-p", "replay")
_DRY = (*_EVAL, "--dry-run")
_FEW = ("--pairs", "few", "--eval-suite", "held-out")
_TRAIN = ("--recipe", "lcpo", "--dry-run", "--train-python", "/none/python")


@dataclass(frozen=True)
class Target:
    """Files of one kind, and the commands that read them."""

    kind: str
    files: tuple[str, ...]  # patterns in the place
    commands: tuple[tuple[str, ...], ...]  # FILE stands for the damaged file
    weight: int = 2


TARGETS = (
    Target(
        "run",
        tuple(
            f"{_RUN}/{name}"
            for name in (
                *("manifest.json", "config.yaml", "prompts.parquet", "generations.parquet"),
                *("judgements.parquet", "summary.json", "verdict.json", "evidence.intoto.json"),
            )
        ),
        (
            ("compare", _RUN, "auto"),
            ("compare", _OTHER, _RUN),
            ("report", _RUN),
            ("verify", _RUN),
            ("verify", f"{_RUN}/evidence.intoto.json"),
            ("judge", _RUN),
            ("judge", _RUN, "--explain", "ID"),
            ("show", _RUN, "ID"),
            ("baseline", "record", _RUN, "-m", "x", "--by", "Ada"),
            ("pairs", _RUN, *_FEW),
            ("export", _RUN, "--to", "inspect"),
            ("export", _RUN, "--to", "lm-eval"),
            ("export", _RUN, "--to", "hub", "--dataset", "sums=a/b"),
            ("history",),
            ("publish", _RUN),
            ("calibrate", _RUN, "--trials", "3"),
            ("plan", "-s", "tiny", "-p", "replay", "-b", _RUN, "--trials", "3"),
            ("eval", _RUN, "-s", "tiny", "-p", "replay", "--dry-run"),
            ("eval", "--resume", _RUN),
        ),
        12,
    ),
    Target(
        "resume", ("runs/half/work/*/*", "runs/half/*.*"), (("eval", "--resume", "runs/half"),), 1
    ),
    Target("replay", (f"{_RUN}/*.*",), (("eval", _RUN, "-s", "tiny", "-p", "replay"),), 1),
    Target(
        "baseline",
        (f"{_BASELINE}/baseline.json", f"{_BASELINE}/samples.parquet"),
        (
            ("baseline", "list"),
            ("baseline", "show", "tiny/replay/m"),
            ("baseline", "verify"),
            ("verify", "tiny/replay/m"),
            ("compare", _OTHER, "m"),
            ("compare", _OTHER, "auto"),
            ("calibrate", _BASELINE, "--trials", "3"),
            ("plan", "m", "-s", "tiny", "-p", "replay", "--trials", "3"),
            ("baseline", "record", _OTHER, "-m", "again", "--by", "Ada"),
            _DRY,
        ),
        6,
    ),
    Target(
        "samples",
        ("bare.parquet",),
        (
            ("compare", "FILE", "m"),
            ("compare", _OTHER, "FILE"),
            ("calibrate", "FILE", "--trials", "3"),
        ),
        3,
    ),
    Target(
        "suite", ("configs/suites/*.yaml",), (_DRY, ("suite", "show", "tiny"), ("suite", "list")), 3
    ),
    Target("gate", ("configs/gates/tiny.yaml",), (_DRY, ("compare", _OTHER, "m", "-g", "tiny")), 2),
    Target(
        "profile",
        ("configs/engines/*.yaml",),
        ((*_EVAL[:4], "-p", "slow", "-b", "tiny/replay/m", "--dry-run"),),
        2,
    ),
    Target("pair policy", ("configs/pairs/*.yaml",), (("pairs", _OTHER, *_FEW),), 1),
    Target("recipe", ("configs/train/*.yaml",), (("train", "model", "made/pairs", *_TRAIN),), 1),
    Target(
        "suite data",
        ("configs/suites/tiny.parquet", "configs/suites/*.jsonl", "configs/suites/*.csv"),
        (
            _DRY,
            ("suite", "show", "tiny", "--problems", "2"),
            ("suite", "show", "held-out", "--problems", "2"),
            ("suite", "show", "listed", "--problems", "2"),
            ("suite", "verify"),
        ),
        5,
    ),
    Target(
        "rows",
        ("rows/*",),
        (
            ("judge", "FILE"),
            ("judge", "FILE", "--judge", "mcq"),
            ("compare", "FILE", "bare.parquet"),
        ),
        6,
    ),
    Target(
        "other tools",
        ("interop/**/*",),
        (
            ("compare", "FILE", "FILE"),
            ("compare", "FOLDER", "FOLDER"),
            ("judge", "FILE", "-o", "judged.parquet"),
            ("judge", "FOLDER", "-o", "judged"),
            ("baseline", "record", "FILE", "-m", "x", "--by", "Ada"),
        ),
        10,
    ),
    Target(
        "candidate",
        ("made/candidate.json", "made/pairs/pairs.json", "made/sample/manifest.json"),
        (("candidate", "--resume", "made", "--until", "pairs"),),
        3,
    ),
    Target(
        "pairs",
        ("made/pairs/pairs.json", "made/pairs/pairs.jsonl", "made/pairs/pairs.parquet"),
        (("train", "model", "made/pairs", *_TRAIN),),
        2,
    ),
    Target("training", ("trained/*",), (("train", "--resume", "trained", *_TRAIN[2:]),), 2),
    Target(
        "image lock",
        ("docker/images.lock.yaml",),
        (("image", "list"), ("image", "verify", "vllm"), ("doctor",)),
        2,
    ),
    Target(
        "checkpoint",
        ("model/*",),
        (
            (
                "eval",
                "model",
                "-s",
                "tiny",
                "-p",
                "vllm-cpu",
                "--dry-run",
                "--engine-python",
                sys.executable,
                "-b",
                "tiny/replay/m",
            ),
            ("train", "model", "made/pairs", *_TRAIN),
        ),
        2,
    ),
)


class Slow(BaseException):
    """The input took too long."""


# -- the place ------------------------------------------------------------------------------------


def make(place: Path) -> Path:
    """A project with a file of every kind, all of them sound."""
    replayed.make_configs(place, problems=12)
    configs = place / "configs"
    suite = (configs / "suites" / "tiny.yaml").read_text()
    for name, ending in (("held-out", "jsonl"), ("listed", "csv")):
        text = suite.replace("name: tiny", f"name: {name}").replace("parquet", ending)
        (configs / "suites" / f"{name}.yaml").write_text(text.replace("tiny.", f"{name}."))
    rows = [{"question": f"What is {n} times 3?", "gold": str(3 * n)} for n in range(5)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (configs / "suites" / "held-out.jsonl").write_text(lines)
    cells = "".join(f'"{row["question"]}",{row["gold"]}\n' for row in rows)
    (configs / "suites" / "listed.csv").write_text("question,gold\n" + cells)
    for folder, name, text in (
        (
            "pairs",
            "few",
            "name: few\ndifficulty: [easy, medium]\nmin_pairs: 1\neasy_from: 0.3\nleaks: drop\n",
        ),
        ("train", "lcpo", "name: lcpo\nobjective: lcpo\ncutoff_len: 128\nbatch_size: 4\n"),
    ):
        (configs / folder).mkdir(exist_ok=True)
        (configs / folder / f"{name}.yaml").write_text(text)
    (place / "docker").mkdir()
    shutil.copy(_ROOT / "docker" / "images.lock.yaml", place / "docker")
    source = replayed.make_run(place, "src", epochs=4, wrong=0.1)
    replayed.record(source, place / "baselines")
    shutil.copy(place / _BASELINE / "samples.parquet", place / "bare.parquet")
    _call(place, *_EVAL, "--epochs", "4", "--max-epochs", "4", "--runs", "made-runs")
    (place / "runs").mkdir()
    (made,) = (place / "made-runs").iterdir()
    made.rename(place / _RUN)
    _half(place)
    _call(
        *(place, "candidate", "stored/src", "--profile", "replay", "--recipe", "lcpo"),
        *("--suite", "tiny", "--eval-suite", "held-out", "--samples", "4", "--until", "pairs"),
        *("--set", "pairs.min_pairs=1", "--out", "made"),
    )
    _rows(place / "rows")
    shutil.copytree(DATA, place / "interop")
    for link in (place / "interop").rglob(".*"):
        link.unlink()
    _model(place / "model")
    _training(place)
    return place


def _call(place: Path, *arguments: str) -> None:
    done = replayed.smallscale(place, *arguments, timeout=300)
    assert done.returncode in (0, 5), done.stderr


def _half(place: Path) -> None:
    """An evaluation that was killed, with completions in its work folder."""
    arguments = (*_EVAL[:4], "-p", "slow", "-b", "tiny/replay/m", "--runs", "half")
    host = replayed.start(place, *arguments)
    replayed.wait_for(lambda: list((place / "half").glob("*/work/out")), "the run folder", 60)
    (run,) = (place / "half").iterdir()
    replayed.wait_for(lambda: replayed.lines_out(run) >= 2, "completions", 60)
    workers = replayed.workers_of(host.pid)
    host.kill()
    host.communicate()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            replayed.kill(worker)
    run.rename(place / "runs" / "half")


def _rows(folder: Path) -> None:
    """The same answers as JSON lines, JSON, CSV, Parquet and Arrow."""
    folder.mkdir()
    rows = [
        {
            "problem_id": f"p{number // 2}",
            "sample_index": number % 2,
            "task": "sums",
            "question": f"What is {number // 2} + 2?",
            "choices": ["1", "2", "3", str(number // 2 + 4)],
            "gold": "2",
            "text": f"So it is \\boxed{{{number}}}.",
            "completion_tokens": 10 + number,
            "finish_reason": "stop",
            "score": float(number % 3 == 0),
        }
        for number in range(8)
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "a.json").write_text(json.dumps(rows))
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "a.parquet")
    with pa.OSFile(str(folder / "a.arrow"), "w") as sink, ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    flat = [{key: value for key, value in row.items() if key != "choices"} for row in rows]
    lines = [",".join(flat[0]), *(",".join(map(str, row.values())) for row in flat)]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")


def _model(folder: Path) -> None:
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 99}
    index = {"weight_map": {"weight": "model.safetensors"}, "metadata": {"total_size": 64}}
    checkpoints.make(
        folder,
        {
            **checkpoints.FILES,
            "config.json": json.dumps(config).encode(),
            "generation_config.json": b'{"temperature": 0.5}',
            "model.safetensors": checkpoints.safetensors(bytes(64)),
            "model.safetensors.index.json": json.dumps(index).encode(),
        },
    )


def _training(place: Path) -> None:
    """What an interrupted training leaves."""
    from smallscale_ci.checkpoint.servable import inspect
    from smallscale_ci.config.load import dump, load
    from smallscale_ci.config.train import TrainRecipe
    from smallscale_ci.files import write_json
    from smallscale_ci.run.manifest import Status
    from smallscale_ci.train.record import PairsUsed, TrainRecord, World

    recipe = load(TrainRecipe, "lcpo", (place / "configs",))
    record = TrainRecord(
        status=Status.INTERRUPTED,
        parent=replace(inspect(place / "model", "model", "model"), path=Path("model")),
        pairs=PairsUsed("made/pairs", 3, _sha256(place / "made" / "pairs" / "pairs.jsonl")),
        recipe=recipe.model_dump(mode="json"),
        world=World(1),
    )
    (place / "trained").mkdir()
    write_json(place / "trained" / "train.json", record)
    (place / "trained" / "recipe.yaml").write_text(dump(recipe))


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
    return str(pq.read_table(sound / _RUN / "prompts.parquet")["problem_id"][0].as_py())


def _hash_again(place: Path) -> None:
    """Let every record name the files as they are now, as far as it can still be read."""
    for run in (place / _RUN, place / "runs" / "half"):
        with contextlib.suppress(Exception):
            replayed.rehash(run)
    with contextlib.suppress(Exception):
        file = place / _RUN / "evidence.intoto.json"
        value = json.loads(file.read_text())
        said = value["predicate"]
        for name in (*said["files"], "manifest.json", "verdict.json"):
            found = _sha256(place / _RUN / name)
            if name in said["files"]:
                said["files"][name] = found
            else:
                said[f"{name.removesuffix('.json')}_sha256"] = found
        with contextlib.suppress(ValueError):
            said["verdict"] = json.loads((place / _RUN / "verdict.json").read_text())
        file.write_text(json.dumps(value))
    for file, key, named in (
        (place / _BASELINE / "baseline.json", "samples_sha256", "samples.parquet"),
        (place / "made" / "pairs" / "pairs.json", "sha256", "pairs.jsonl"),
    ):
        with contextlib.suppress(Exception):
            value = json.loads(file.read_text())
            if key in value:
                file.write_text(json.dumps({**value, key: _sha256(file.parent / named)}))
    with contextlib.suppress(Exception):
        file = place / "made" / "candidate.json"
        value = json.loads(file.read_text())
        value["steps"]["pairs"]["made"] = _sha256(place / "made" / "pairs" / "pairs.json")
        file.write_text(json.dumps(value))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    tests = str(_ROOT / "tests")
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
