"""Rows of any source in the one schema: columns, repeats, and rows that are left out."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.config.suite import JudgeConfig, TaskConfig
from smallscale_ci.errors import DataError
from smallscale_ci.suite.local import load_task

ROWS = [{"problem": "1 + 1?", "answer": 2.0, "level": 3, "solution": "x" * 600}]


def task(where: str | Path, **settings: Any) -> TaskConfig:
    return TaskConfig(name="t", source=str(where), judge=JudgeConfig(name="math"), **settings)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_columns_of_ones_own_and_the_rest_as_meta(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS)
    mapped = task("a.jsonl", columns={"question": "problem", "gold": "answer"})
    (found,) = load_task(mapped, tmp_path)
    assert (found.question, found.gold, dict(found.meta)) == ("1 + 1?", "2", {"level": 3})
    assert load_task(task("a.jsonl", format="toolkit"), tmp_path) == (found,)
    with pytest.raises(DataError, match=r"no column 'problm' \(did you mean 'problem'\?\)"):
        load_task(task("a.jsonl", columns={"question": "problm"}), tmp_path)
    with pytest.raises(DataError, match="no column 'question_content'"):
        load_task(task("a.jsonl", format="livecodebench"), tmp_path)


def test_columns_of_the_toolkit_that_are_called_like_ours_mean_something_else(
    tmp_path: Path,
) -> None:
    jsonl(tmp_path / "a.jsonl", [{**ROWS[0], "choices": [1, 1], "tests": "none", "cluster": 4}])
    (found,) = load_task(task("a.jsonl", format="toolkit"), tmp_path)
    assert (found.choices, found.tests, found.cluster) == ((), (), "")
    assert found.meta["tests"] == "none"


def test_repeated_rows_are_one_problem_and_must_be_as_many_as_said(tmp_path: Path) -> None:
    rows = [{"question": q, "gold": "1"} for q in "abc"]
    jsonl(tmp_path / "a.jsonl", rows * 2)
    assert [p.question for p in load_task(task("a.jsonl", repeats=2), tmp_path)] == ["a", "b", "c"]
    assert len(load_task(task("a.jsonl", repeats=0), tmp_path)) == 3
    jsonl(tmp_path / "a.jsonl", rows * 2 + rows[:1])
    with pytest.raises(DataError, match="a problem 3 times instead of 2: 'a'"):
        load_task(task("a.jsonl", repeats=2), tmp_path)
    with pytest.raises(DataError, match="are the same problem"):
        load_task(task("a.jsonl"), tmp_path)


def test_rows_that_cannot_be_used_are_left_out_by_number_and_reason(tmp_path: Path) -> None:
    rows = [{"question": f"{n} + 1?", "gold": "" if n in (2, 3) else str(n + 1)} for n in (1, 2, 3)]
    sha256 = hashlib.sha256(jsonl(tmp_path / "a.jsonl", rows).read_bytes()).hexdigest()
    with pytest.raises(DataError, match=r"row 2 has no gold answer \(2 such rows") as caught:
        load_task(task("a.jsonl", sha256=sha256), tmp_path)
    listed = tuple({"row": n, "reason": "has no gold answer"} for n in (2, 3))
    beyond = (*listed, {"row": 9, "reason": "x"})
    assert 'skip: [{row: 2, reason: "has no gold answer"}, {row: 3' in caught.value.hint
    (found,) = load_task(task("a.jsonl", sha256=sha256, skip=listed), tmp_path)
    assert found.question == "1 + 1?"
    with pytest.raises(DataError, match="has no row 9, which the task skips"):
        load_task(task("a.jsonl", sha256=sha256, skip=beyond), tmp_path)
    with pytest.raises(ValueError, match="pin it"):
        task("a.jsonl", skip=listed)
    with pytest.raises(ValueError, match="twice"):
        task("a.jsonl", sha256=sha256, skip=(listed[0], listed[0]))


def test_a_column_that_only_pulled_files_have_means_nothing_in_ones_own(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", [{"question": "q", "gold": "1", "also": "2"}])
    (found,) = load_task(task("a.jsonl"), tmp_path)
    assert (found.golds, found.meta) == (("1",), {"also": "2"})


def test_what_is_long_or_no_number_is_no_meta(tmp_path: Path) -> None:
    odd = {"nan": float("nan"), "empty": "", "long": "x" * 501, "list": [1], "yes": True, "n": 1.5}
    jsonl(tmp_path / "a.jsonl", [{"question": "q", "gold": "1", **odd}])
    (found,) = load_task(task("a.jsonl"), tmp_path)
    assert found.meta == {"yes": True, "n": 1.5}
