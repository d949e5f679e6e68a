import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.published import data_file

from smallscale_ci.config.suite import JudgeConfig, PromptConfig, SuiteConfig, TaskConfig
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.records import CodeTest
from smallscale_ci.suite.local import load_suite

MATH = [{"question": "1 + 1?", "gold": "2"}, {"question": "2 + 2?", "gold": "4"}]
MCQ = [
    {"question": "Which?", "gold": "B", "choices": ["x", "y"], "cluster": "c", "meta": '{"k": 1}'}
]


def suite(source: str | Path, judge: str = "math", **task: Any) -> SuiteConfig:
    made = TaskConfig(name="t", source=str(source), judge=JudgeConfig(name=judge), **task)
    return SuiteConfig(name="s", tasks=(made,))


def parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def refused(config: SuiteConfig, base: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        load_suite(config, base)
    assert caught.value.hint
    return caught.value


def test_three_formats_hold_the_same_suite(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", MCQ)
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in MCQ) + "\n")
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, MCQ[0])
        writer.writeheader()
        writer.writerows({**row, "choices": json.dumps(row["choices"])} for row in MCQ)
    suites = [
        load_suite(suite(f"a.{kind}", "mcq"), tmp_path) for kind in ("parquet", "jsonl", "csv")
    ]
    assert suites[0].problems == suites[1].problems == suites[2].problems
    assert len({found.hash for found in suites}) == 1
    (problem,) = suites[0].problems
    assert (problem.task, problem.gold, problem.choices) == ("t", "B", ("x", "y"))
    assert (problem.cluster, problem.meta, len(problem.id)) == ("c", {"k": 1}, 16)


def test_code_tests_as_structs_or_json(tmp_path: Path) -> None:
    tests = [
        {"input": "1\n", "output": "2\n", "function": None},
        {"input": "[1]", "output": "2", "function": "f"},
    ]
    parquet(tmp_path / "a.parquet", [{"question": "q", "tests": tests}])
    parquet(tmp_path / "b.parquet", [{"question": "q", "tests": json.dumps(tests)}])
    first, second = (
        load_suite(suite(name, "code"), tmp_path).problems for name in ("a.parquet", "b.parquet")
    )
    assert first == second
    assert first[0].tests == (CodeTest("1\n", "2\n"), CodeTest("[1]", "2", "f"))


def test_identity_is_what_is_seen_and_judged(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", MATH)
    parquet(tmp_path / "same.parquet", [{**row, "level": 3, "meta": '{"x": 1}'} for row in MATH])
    parquet(tmp_path / "turned.parquet", MATH[::-1])
    parquet(tmp_path / "gold.parquet", [{**MATH[0], "gold": "3"}, MATH[1]])
    base = load_suite(suite("a.parquet"), tmp_path)
    assert load_suite(suite("same.parquet", epochs=4), tmp_path).hash == base.hash
    turned = load_suite(suite("turned.parquet"), tmp_path)
    assert {p.id for p in turned.problems} == {p.id for p in base.problems}
    assert turned.hash != base.hash
    assert load_suite(suite("gold.parquet"), tmp_path).problems[0].id != base.problems[0].id
    prompted = suite("a.parquet", prompt=PromptConfig(user="Q: {question}"))
    assert load_suite(prompted, tmp_path).hash != base.hash
    assert load_suite(suite("a.parquet", metric="avg@k"), tmp_path).hash != base.hash


def test_identity_never_changes(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", MATH)
    found = load_suite(suite("a.parquet"), tmp_path)
    assert [p.id for p in found.problems] == ["30b4c8df3e81c718", "35f09a60c29886ad"]


def test_numbers_as_gold_become_texts(tmp_path: Path) -> None:
    parquet(
        tmp_path / "a.parquet", [{"question": "q", "gold": 27.0}, {"question": "r", "gold": 0.5}]
    )
    assert [p.gold for p in load_suite(suite("a.parquet"), tmp_path).problems] == ["27", "0.5"]


def test_pin(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", MATH)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_suite(suite(path, sha256=digest.upper()), tmp_path).problems
    assert "not the pinned file" in refused(suite(path, sha256="0" * 64), tmp_path).message


def test_an_unusable_row_is_an_error_that_names_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{json.dumps(MATH[0])}\n{{"question": "q", "gold": null}}\n')
    error = refused(suite(path), tmp_path)
    assert "row 2 has no gold answer" in error.message
    assert str(path) in error.message
    assert "none is ever skipped silently" in error.hint


def test_number_of_unusable_rows(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [{"question": "q", "gold": ""}] * 3)
    assert "row 1 has no gold answer (3 such rows in all)" in refused(suite(path), tmp_path).message


def test_duplicate_problems(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [*MATH, MATH[0]])
    error = refused(suite(path), tmp_path)
    assert "rows 1 and 3 are the same problem" in error.message
    assert "epochs" in error.hint


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv"])
@pytest.mark.parametrize("content", [b"", b"PAR1\xff\xfe garbage\n", b"\n\n"])
def test_empty_and_corrupt_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refused(suite(name), tmp_path).message


def test_parquet_without_rows(tmp_path: Path) -> None:
    table = pa.table({"question": pa.array([], pa.string()), "gold": pa.array([], pa.string())})
    pq.write_table(table, tmp_path / "a.parquet")
    assert "holds no problems" in refused(suite("a.parquet"), tmp_path).message


def test_truncated_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", MATH)
    path.write_bytes(path.read_bytes()[:-20])
    assert "damaged or not a parquet" in refused(suite(path), tmp_path).message


def test_csv_with_too_many_values(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,gold\n1 + 1?,2\n1,000 + 1?,1001\n")
    assert "row 2 has more values" in refused(suite("a.csv"), tmp_path).message


def test_missing_file_unknown_kind_and_misspelt_columns(tmp_path: Path) -> None:
    assert "there is no file" in refused(suite("none.parquet"), tmp_path).message
    (tmp_path / "a.txt").write_text("x")
    assert "unknown kind" in refused(suite("a.txt"), tmp_path).message
    path = parquet(tmp_path / "a.parquet", [{"qestion": "q", "gold": "1"}])
    assert "did you mean 'qestion'?" in refused(suite(path), tmp_path).message
    path = parquet(tmp_path / "b.parquet", [{"question": "q", "gold": "1", "choises": ["a", "b"]}])
    assert "no column 'choices' (did you mean 'choises'?)" in refused(suite(path), tmp_path).message
    assert "ships no file 'smok" in refused(suite("package:smok-math.parquet"), tmp_path).message


def test_tasks_by_name(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", MATH)
    found = load_suite(suite("a.parquet"), tmp_path)
    assert found.task("t").judge.name == "math"
    assert [p.gold for p in found.of("t")] == ["2", "4"]
    with pytest.raises(UsageError, match="no task 'u'"):
        found.task("u")


def test_published_benchmarks_load_as_they_are(tmp_path: Path) -> None:
    bench = data_file("data/bench")
    for kind, name, count in (("mcq", "mcq/arc-c", 1172), ("math", "math/gsm8k", 1319)):
        source = bench / name / f"test_{Path(name).name}.parquet"
        rows = pq.read_table(source).select(["problem", "answer"])
        pq.write_table(rows.rename_columns(["question", "gold"]), tmp_path / "a.parquet")
        assert len(load_suite(suite("a.parquet", kind), tmp_path).problems) == count


def test_columns_of_arrow_s_other_types_are_read(tmp_path: Path) -> None:
    as_json = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["4", '"four"', '["4", "four"]']))
    golds = [
        as_json,
        pa.array(["4", "four", "4"], pa.string_view()),
        pa.array([4, 4, 4], pa.decimal128(6, 2)),
        pa.array(["4", "four", "4"]).dictionary_encode(),
        pa.array([b"4", b"four", b"4"], pa.binary_view()),
        pa.array([["4"], ["four"], ["4", "four"]], pa.list_view(pa.string())),
    ]
    for gold in golds:
        pq.write_table(
            pa.table({"question": ["a", "b", "c"], "gold": gold}), tmp_path / "a.parquet"
        )
        found = load_suite(suite("a.parquet"), tmp_path).problems
        assert {answer for problem in found for answer in problem.golds} <= {"4", "four"}
    as_datasets_writes = pa.ExtensionArray.from_storage(
        pa.json_(), pa.array(["4", "007", '"four"'])
    )
    pq.write_table(
        pa.table({"question": ["a", "b", "c"], "gold": as_datasets_writes}), tmp_path / "a.parquet"
    )
    found = load_suite(suite("a.parquet"), tmp_path).problems
    assert [problem.gold for problem in found] == ["4", "007", "four"]
    singles = pa.array([0.1, 2.5, 4.0], pa.float32())
    pq.write_table(pa.table({"question": ["a", "b", "c"], "gold": singles}), tmp_path / "a.parquet")
    found = load_suite(suite("a.parquet"), tmp_path).problems
    assert [problem.gold for problem in found] == ["0.1", "2.5", "4"]
    durations = pa.array([1, 2, 3], pa.duration("s"))
    pq.write_table(
        pa.table({"question": ["a", "b", "c"], "gold": durations}), tmp_path / "a.parquet"
    )
    assert "row 1 has a gold that is not a text" in refused(suite("a.parquet"), tmp_path).message
