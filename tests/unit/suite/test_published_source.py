"""Sources, pins, columns and repeats, without a network."""

import hashlib
import json
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from smallscale_ci.config.suite import JudgeConfig, SuiteConfig, TaskConfig
from smallscale_ci.errors import DataError, StorageError, UsageError
from smallscale_ci.suite import pins, published, source
from smallscale_ci.suite.fetch import candidates
from smallscale_ci.suite.local import load_suite, load_task

ROWS = [{"problem": "1 + 1?", "answer": 2.0, "level": 3, "solution": "x" * 600}]


def task(where: str | Path, **settings: Any) -> TaskConfig:
    return TaskConfig(name="t", source=str(where), judge=JudgeConfig(name="math"), **settings)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_sources_name(tmp_path: Path) -> None:
    toolkit = source.parse("toolkit:math/math-500", tmp_path)
    assert isinstance(toolkit, source.Remote)
    assert toolkit.path == PurePosixPath("data/test/math/math-500/test_math-500.parquet")
    assert toolkit.url == f"{source.TOOLKIT}/{source.TOOLKIT_COMMIT}/{toolkit.path}"
    hub = source.parse("hf:org/da.ta@0fe84c/sub/a.jsonl", tmp_path)
    assert hub == source.Hub("org/da.ta", "0fe84c", PurePosixPath("sub/a.jsonl"))
    assert source.parse("hf:org/data/a.csv", tmp_path) == source.Hub(
        "org/data", None, PurePosixPath("a.csv")
    )
    remote = source.parse("https://host/x/a%20b.csv?token=1", tmp_path)
    assert isinstance(remote, source.Remote)
    assert remote.path == PurePosixPath("a b.csv")
    assert source.parse("sub/a.csv", tmp_path) == tmp_path / "sub" / "a.csv"
    for wrong in ("toolkit:gsm8k", "toolkit:../x", "hf:org", "package:smok.parquet"):
        with pytest.raises(DataError) as caught:
            source.parse(wrong, tmp_path)
        assert caught.value.hint


def test_copies_may_begin_anywhere_above_or_below_the_collection() -> None:
    places = [str(place) for place in candidates(PurePosixPath("data/test/math/a/test_a.parquet"))]
    assert places[0] == "data/test/math/a/test_a.parquet"
    assert {"test/math/a/test_a.parquet", "math/a/test_a.parquet", "a/test_a.parquet"} < {*places}
    assert places[-1] == "test_a.parquet"


def test_git_blob_is_what_git_says(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"some\0bytes" * 1000)
    said = subprocess.run(
        ["git", "hash-object", str(path)], capture_output=True, text=True, check=True
    )
    assert pins.git_blob(path) == said.stdout.strip()


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
    with pytest.raises(UsageError, match="there is no"):
        published.pull(config.tasks[0], tmp_path, tmp_path / "cache", str(tmp_path / "nowhere"))


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
