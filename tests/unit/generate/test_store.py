import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.generate.planned import Places
from smallscale_ci.generate.store import Origins, write_generations, write_replay
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.run import tables
from smallscale_ci.worker import protocol


def line(problem: str, index: int, text: str = "x", rank: int = 0) -> dict:
    return {
        "problem_id": problem,
        "sample_index": index,
        "text": text,
        "token_ids": [1, 2],
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "finish_reason": "STOP",
        "prompt_hash": "h",
        "seconds": 0.5,
        "error": "",
        "rank": rank,
    }


def fill(work: Path, rank: int, lines: list[dict]) -> Path:
    path = work / "out" / f"{rank}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    out = protocol.Out(path)
    out.write(lines)
    out.close()
    return path


def taken(folder: WorkFolder, places: Places, origins: Origins | None = None) -> Origins:
    """The origins of all completions that are new, as the scheduler notes them."""
    origins = origins or Origins()
    for value in folder.completions():
        number = places.number(value["problem_id"], value["sample_index"])
        if number is not None:
            origins.note(number, *folder.line)
    return origins


def stored(work: Path, planned: list[tuple[str, int]]) -> list:
    target = work / "generations.parquet"
    places = Places(dict.fromkeys(problem for problem, _ in planned))
    write_generations(
        taken(WorkFolder(work), places), work / "out", target, places.numbers(planned), "before"
    )
    return list(tables.generations(target))


@given(st.permutations([(p, i) for p in "abcd" for i in range(3)]), st.integers(0, 12))
def test_planned_order_each_once_whatever_the_order_on_disk(tmp_path_factory, order, doubled):
    work = tmp_path_factory.mktemp("work")
    fill(work, 0, [line(p, i) for p, i in order[:6]])
    fill(work, 1, [line(p, i, rank=1) for p, i in order[6:] + order[:doubled]])
    planned = [(p, i) for i in range(3) for p in "abcd"]
    assert [(g.problem_id, g.sample_index) for g in stored(work, planned)] == planned


def test_torn_and_unplanned_lines_are_left_out(tmp_path):
    path = fill(tmp_path, 0, [line("a", 0), line("z", 0)])
    with path.open("ab") as stream:
        stream.write(protocol.encode_line(line("b", 0))[:-20])
    fill(tmp_path, 0, [line("c", 0)])
    found = stored(tmp_path, [("a", 0), ("b", 0), ("c", 0)])
    assert [g.problem_id for g in found] == ["a", "c"]
    assert tables.predecessor_of(tmp_path / "generations.parquet", tables.GENERATIONS) == "before"


def test_the_completion_that_was_taken_is_stored_whatever_a_late_rank_writes(tmp_path):
    places, folder = Places(["a", "b"]), WorkFolder(tmp_path)
    fill(tmp_path, 1, [line("a", 0, "taken", rank=1)])
    origins = taken(folder, places)
    fill(tmp_path, 0, [line("a", 0, "late"), line("b", 0, "taken, too")])
    taken(folder, places, origins)
    target = tmp_path / "generations.parquet"
    numbers = places.numbers([("a", 0), ("b", 0)])
    write_generations(origins, tmp_path / "out", target, numbers, "before")
    assert [g.text for g in tables.generations(target)] == ["taken", "taken, too"]


def test_half_a_character_becomes_a_question_mark(tmp_path):
    fill(tmp_path, 0, [line("a", 0, "x\ud800y\u2028")])
    (found,) = stored(tmp_path, [("a", 0)])
    assert found.text == "x?y\u2028"


def test_replay_lines_are_the_stored_generations(tmp_path):
    fill(tmp_path, 0, [line("a", 0, "one\u2028\n"), line("b", 0)])
    stored(tmp_path, [("a", 0), ("b", 0)])
    write_replay(tmp_path / "generations.parquet", tmp_path / "replay.jsonl")
    lines = [json.loads(text) for text in (tmp_path / "replay.jsonl").read_text().splitlines()]
    assert [(value["problem_id"], value["text"]) for value in lines] == [
        ("a", "one\u2028\n"),
        ("b", "x"),
    ]
    assert lines[0]["token_ids"] == [1, 2]


def test_an_empty_work_folder_gives_an_empty_file(tmp_path):
    assert stored(tmp_path, [("a", 0)]) == []


@pytest.mark.parametrize("count", [5000])
def test_many_lines(tmp_path, count):
    fill(tmp_path, 0, [line(f"p{i}", 0) for i in range(count)])
    assert len(stored(tmp_path, [(f"p{i}", 0) for i in range(count)])) == count
