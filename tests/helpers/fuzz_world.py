"""A project with a file of every kind, all of them sound, for others to damage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from helpers import checkpoints, replayed
from helpers.foreign import DATA
from helpers.fuzz_targets import BASELINE, EVAL, RUN

ROOT = Path(__file__).resolve().parents[2]


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
    shutil.copy(ROOT / "docker" / "images.lock.yaml", place / "docker")
    source = replayed.make_run(place, "src", epochs=4, wrong=0.1)
    replayed.record(source, place / "baselines")
    shutil.copy(place / BASELINE / "samples.parquet", place / "bare.parquet")
    _call(place, *EVAL, "--epochs", "4", "--max-epochs", "4", "--runs", "made-runs")
    (place / "runs").mkdir()
    (made,) = (place / "made-runs").iterdir()
    made.rename(place / RUN)
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
    arguments = (*EVAL[:4], "-p", "slow", "-b", "tiny/replay/m", "--runs", "half")
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
        pairs=PairsUsed("made/pairs", 3, sha256(place / "made" / "pairs" / "pairs.jsonl")),
        recipe=recipe.model_dump(mode="json"),
        world=World(1),
    )
    (place / "trained").mkdir()
    write_json(place / "trained" / "train.json", record)
    (place / "trained" / "recipe.yaml").write_text(dump(recipe))


def sha256(path: Path) -> str:
    """As records name their files."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
