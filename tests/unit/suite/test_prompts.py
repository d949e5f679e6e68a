import tracemalloc
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci import ids
from smallscale_ci.config.suite import JudgeConfig, PromptConfig, TaskConfig
from smallscale_ci.errors import ConfigError, DataError, StorageError
from smallscale_ci.records import Problem
from smallscale_ci.suite.model import Suite
from smallscale_ci.suite.prompts import build, messages, read, write

PROBLEM = Problem("p1", "t", "Which {choices} is \\frac{1}{2}?", "A", ("half", "{question}"))


def suite(*problems: Problem, prompt: PromptConfig | None = None) -> Suite:
    template = prompt or PromptConfig()
    task = TaskConfig(name="t", source="x", judge=JudgeConfig(name="mcq"), prompt=template)
    return Suite("s", (task,), problems, "hash")


def test_messages_in_order_and_filled_once() -> None:
    prompt = PromptConfig(
        system="Be {brief}.",
        user="{question}\n{choices}\nAnswer in \\boxed{letter}.",
        examples=(("1 {question}?", "one"),),
    )
    assert messages(prompt, PROBLEM) == (
        {"role": "system", "content": "Be {brief}."},
        {"role": "user", "content": "1 {question}?"},
        {"role": "assistant", "content": "one"},
        {
            "role": "user",
            "content": "Which {choices} is \\frac{1}{2}?\nA. half\nB. {question}\n"
            "Answer in \\boxed{letter}.",
        },
    )


@given(st.text(), st.lists(st.text(), min_size=2, max_size=5).map(tuple))
def test_data_is_never_searched_for_placeholders(question: str, choices: tuple[str, ...]) -> None:
    problem = replace(PROBLEM, question=question, choices=choices)
    (message,) = messages(PromptConfig(user="<{question}|{choices}>"), problem)
    lines = "\n".join(f"{'ABCDE'[i]}. {choice}" for i, choice in enumerate(choices))
    assert message["content"] == f"<{question}|{lines}>"


def test_choices_are_asked_for_but_missing() -> None:
    with pytest.raises(ConfigError, match=r"asks for \{choices\}, but problem p1 has none"):
        messages(PromptConfig(user="{question} {choices}"), replace(PROBLEM, choices=()))


def test_epoch_by_epoch_with_the_seeds_of_ids() -> None:
    other = replace(PROBLEM, id="p2")
    prompts = list(build(suite(PROBLEM, other), range(1, 3), 7))
    assert [(p.problem_id, p.sample_index) for p in prompts] == [
        ("p1", 1), ("p2", 1), ("p1", 2), ("p2", 2),
    ]  # fmt: skip
    assert [p.seed for p in prompts] == [
        ids.sample_seed(7, p.problem_id, p.sample_index) for p in prompts
    ]
    assert list(build(suite(PROBLEM), range(0), 7)) == []


def test_written_and_read(tmp_path: Path) -> None:
    prompts = list(build(suite(PROBLEM, prompt=PromptConfig(system="s")), range(3), 0))
    path = tmp_path / "prompts.parquet"
    assert write(prompts, path, "abc") == ids.file_hash(path)
    assert list(read(path)) == prompts
    assert pq.read_schema(path).metadata[b"suite_hash"] == b"abc"
    assert pq.read_schema(path).metadata[b"schema_version"] == b"1"
    assert [p.name for p in tmp_path.iterdir()] == ["prompts.parquet"]
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    write(build(suite(PROBLEM), range(1), 0), path)
    with pytest.raises(ConfigError):
        write(
            build(
                suite(
                    replace(PROBLEM, choices=()), prompt=PromptConfig(user="{question}{choices}")
                ),
                range(1),
                0,
            ),
            path,
        )
    assert len(list(read(path))) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_no_room_to_write(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write([], tmp_path / "no" / "such" / "folder.parquet")
    full = tmp_path / "full.parquet"
    (tmp_path / ".full.parquet.part").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left on device"):
        write(build(suite(PROBLEM), range(20_000), 0), full)


def test_unreadable_prompts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    path.write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match="damaged or not a parquet"):
        list(read(path))
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(DataError, match="not a prompts file of version 1"):
        list(read(path))
    with pytest.raises(DataError, match="There is no"):
        list(read(tmp_path / "none.parquet"))


def test_memory_does_not_grow_with_the_number_of_prompts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    prompt = PromptConfig(examples=(("q" * 500, "a" * 500),))
    tracemalloc.start()
    try:
        write(build(suite(PROBLEM, prompt=prompt), range(40_000), 0), path)
        peak = tracemalloc.get_traced_memory()[1]
        count = sum(1 for _ in read(path))
    finally:
        tracemalloc.stop()
    assert count == 40_000
    assert peak < 32 * 2**20
