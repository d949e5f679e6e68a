"""Sources, pins, columns and repeats, without a network."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.config.suite import JudgeConfig, SuiteConfig, TaskConfig
from smallscale_ci.errors import DataError, StorageError, UsageError
from smallscale_ci.suite import pins, published
from smallscale_ci.suite.local import load_suite, load_task

ROWS = [{"problem": "1 + 1?", "answer": 2.0, "level": 3, "solution": "x" * 600}]


def task(where: str | Path, **settings: Any) -> TaskConfig:
    return TaskConfig(name="t", source=str(where), judge=JudgeConfig(name="math"), **settings)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_git_blob_is_what_git_says(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"some\0bytes" * 1000)
    said = subprocess.run(
        ["git", "hash-object", str(path)], capture_output=True, text=True, check=True
    )
    assert pins.git_blob(path) == said.stdout.strip()


def test_a_limit_chooses_the_same_problems_whatever_their_order(tmp_path: Path) -> None:
    rows = [{"question": f"{i}?", "gold": "1"} for i in range(100)]
    jsonl(tmp_path / "a.jsonl", rows)
    jsonl(tmp_path / "b.jsonl", rows[::-1])
    first, turned = (
        [p.question for p in load_task(task(name, limit=20), tmp_path)]
        for name in ("a.jsonl", "b.jsonl")
    )
    assert len(first) == 20
    assert first == turned[::-1]
    assert first != [row["question"] for row in rows[:20]]
    assert len(load_task(task("a.jsonl", limit=500), tmp_path)) == 100


def test_a_file_without_a_pin_gets_one_at_its_first_pull(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"question": "q", "gold": "1"}])
    pulled = published.pull(task("a.jsonl"), tmp_path, tmp_path / "cache")
    assert pulled.pinned == "recorded"
    assert (pulled.rows, pulled.problems, pulled.fresh) == (1, 1, False)
    lock = tmp_path / pins.LOCK
    recorded = {"a.jsonl": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert json.loads(lock.read_text()) == recorded
    assert published.pull(task("a.jsonl"), tmp_path, tmp_path / "cache").pinned == "lock"
    jsonl(path, [{"question": "q", "gold": "2"}])
    for use in (lambda: load_task(task("a.jsonl"), tmp_path), lambda: pull_again(tmp_path)):
        with pytest.raises(DataError, match="not the pinned file"):
            use()
    assert json.loads(lock.read_text()) == recorded


def pull_again(folder: Path) -> None:
    published.pull(task("a.jsonl"), folder, folder / "cache")


def test_a_damaged_lock_and_one_that_cannot_be_written(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", [{"question": "q", "gold": "1"}])
    (tmp_path / pins.LOCK).write_text("[]")
    with pytest.raises(DataError, match="not a mapping of sources"):
        load_task(task("a.jsonl"), tmp_path)
    (tmp_path / pins.LOCK).unlink()
    (tmp_path / f".{pins.LOCK}.part").mkdir()
    with pytest.raises(StorageError) as caught:
        pull_again(tmp_path)
    assert "sha256: " in caught.value.hint


def test_shipped_data_need_no_pin(tmp_path: Path) -> None:
    shipped = TaskConfig(
        name="t", source="package:smoke-mcq.parquet", judge=JudgeConfig(name="mcq")
    )
    assert published.pull(shipped, tmp_path, tmp_path / "cache").pinned == "shipped"
    assert not (tmp_path / pins.LOCK).exists()


def test_a_suite_whose_data_are_not_pulled_says_how(tmp_path: Path) -> None:
    config = SuiteConfig(name="mine", tasks=(task("https://host/a.csv"),))
    with pytest.raises(DataError) as caught:
        load_suite(config, tmp_path, tmp_path / "cache")
    assert caught.value.hint == "Get them with `smallscale suite pull mine`."
    with pytest.raises(UsageError, match="There is no"):
        published.pull(config.tasks[0], tmp_path, tmp_path / "cache", str(tmp_path / "nowhere"))


def test_a_pulled_file_keeps_several_golds_and_names_positions(tmp_path: Path) -> None:
    jsonl(tmp_path / "m.jsonl", [{"question": "q", "gold": ["1", "one"]}])
    jsonl(tmp_path / "c.jsonl", [{"question": "q", "gold": 1, "options": ["x", "y"]}])
    cache, copy = tmp_path / "cache", str(tmp_path)
    several = task("https://host/m.jsonl")
    published.pull(several, tmp_path, cache, copy)
    (found,) = load_task(several, tmp_path, cache)
    assert found.golds == ("1", "one")
    place = TaskConfig(
        name="t", source="https://host/c.jsonl", judge=JudgeConfig(name="mcq"), gold_index=0
    )
    published.pull(place, tmp_path, cache, copy)
    (found,) = load_task(place, tmp_path, cache)
    assert (found.gold, found.choices) == ("B", ("x", "y"))
