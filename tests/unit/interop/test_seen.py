"""Which documents of a file were read: eight bytes a document while there is one filter."""

import json

import pytest
from helpers.foreign import read

from smallscale_ci.errors import DataError
from smallscale_ci.interop.seen import Seen


def row(number, used="none", score=1.0):
    digest = f"{number:064x}"
    return {
        "doc_id": number, "target": "1", "resps": [["1"]], "filter": used, "metrics": ["acc"],
        "doc_hash": digest, "prompt_hash": digest, "target_hash": digest, "acc": score,
    }  # fmt: skip


def write(path, rows):
    path.write_text("".join(json.dumps(one) + "\n\n" for one in rows))
    return path


def test_a_document_is_taken_by_its_first_filter():
    seen = Seen()
    assert [seen.filter_of(key, "strict") for key in (1, 2)] == [None, None]
    assert seen.filter_of(2, "loose") == "strict"
    assert seen.filter_of(3, "loose") is None
    assert seen.filter_of(3, "loose") == "loose"
    assert seen.filter_of(1, "strict") == "strict"


def test_of_one_filter_what_is_there_twice_is_found_at_the_end():
    seen = Seen()
    assert {seen.filter_of(key, "none") for key in (5, 3, 5, 4, 3)} == {None}
    assert seen.twice() == 2
    assert Seen().twice() is None


def test_the_line_of_a_document_that_is_there_twice_is_named(tmp_path):
    path = write(tmp_path / "samples_a_2026-01-31T00-00-00.jsonl", map(row, (0, 1, 2, 1)))
    with pytest.raises(DataError, match="line 7: document 1 is there twice with the filter 'none'"):
        read(path)


def test_of_a_filter_that_is_asked_for_what_is_there_twice_is_named(tmp_path):
    rows = [row(number, used) for number in (0, 1, 0) for used in ("strict", "loose")]
    path = write(tmp_path / "samples_a_2026-01-31T00-00-00.jsonl", rows)
    with pytest.raises(DataError, match="line 11: document 0 is there twice"):
        read(path, filter="loose")


def test_more_tasks_than_a_byte_counts_are_told_apart(tmp_path):
    from smallscale_ci.interop import readers
    from smallscale_ci.interop.gather import gather
    from smallscale_ci.interop.interface import Wanted

    rows = [{"task": f"t{n}", "id": n % 7, "text": "1", "score": n % 2} for n in range(300)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    held = gather(readers.read(tmp_path / "a.jsonl", Wanted(texts=False))).samples
    assert (len(held.tasks), int(held.correct.sum())) == (300, 150)
