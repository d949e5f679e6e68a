import json

import pytest
from helpers.training import ABOUT

from smallscale_ci.errors import DataError
from smallscale_ci.ids import file_hash
from smallscale_ci.pairs import dataset, screen
from smallscale_ci.pairs.dataset import Pair
from smallscale_ci.pairs.record import PAIRS
from smallscale_ci.run import tables

ASKED = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2 + 2?"},
)


def pair(number: int = 0, **changed) -> Pair:
    values = {
        "task": "sums",
        "problem_id": f"p{number}",
        "messages": ASKED,
        "chosen": "4 “ä”",
        "rejected": "Well,\nit is 4",
        "chosen_tokens": 10,
        "rejected_tokens": 30 + number,
        "prompt_tokens": 20,
        "solve_rate": 1.0,
        "chosen_index": 0,
        "rejected_index": 3,
    }
    return Pair(**{**values, **changed})


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_folder_is_what_llamafactory_reads(tmp_path):
    dataset.write(tmp_path, [pair(0), pair(1)], ABOUT, "hash")
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    ranking, first = info["pairs"], lines(tmp_path / info["pairs"]["file_name"])[0]
    assert ranking["ranking"] is True
    assert ranking["formatting"] == "sharegpt"
    tags, columns = ranking["tags"], ranking["columns"]
    turns = [turn[tags["role_tag"]] for turn in first[columns["messages"]]]
    assert turns == [tags[f"{role}_tag"] for role in ("system", "user", "assistant", "user")]
    for side, text in (("chosen", "4 “ä”"), ("rejected", "Well,\nit is 4")):
        assert first[columns[side]] == {
            tags["role_tag"]: tags["assistant_tag"],
            tags["content_tag"]: text,
        }
    sft = lines(tmp_path / info["sft"]["file_name"])[1]["conversations"]
    assert sft[-1] == {"from": "gpt", "value": "4 “ä”"}
    assert [turn["from"] for turn in sft][-2:] == ["human", "gpt"]


def test_the_parquet_file_holds_texts_and_numbers(tmp_path):
    dataset.write(tmp_path, [pair(0), pair(1, prompt_tokens=None)], ABOUT, "hash")
    path = tmp_path / dataset.PARQUET
    first, second = tables.rows(path, dataset.SCHEMA)
    assert json.loads(first["prompt"]) == list(ASKED)
    assert (first["chosen_tokens"], first["rejected_tokens"]) == (10, 30)
    assert second["prompt_tokens"] is None
    assert tables.predecessor_of(path, dataset.SCHEMA) == "hash"


def test_the_record_says_how_long_the_answers_are(tmp_path):
    record = dataset.write(tmp_path, [pair(n) for n in range(5)], ABOUT, "hash")
    assert record.run_id == "r"
    assert record.sha256 == file_hash(tmp_path / PAIRS)
    assert record.lengths["rejected"]["median"] == 32
    assert record.lengths["ratio"]["min"] == 3


def test_the_same_pairs_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        dataset.write(tmp_path / name, [pair(0), pair(1)], ABOUT, "hash")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_pairs_that_training_would_cut_are_counted_and_stopped(tmp_path):
    dataset.write(tmp_path, [pair(n) for n in range(10)], ABOUT, "hash")
    found = screen.screen(tmp_path, 60)
    assert (found.pairs, found.malformed, found.cut, found.longest) == (10, 0, 1, 61)
    screen.refuse_lost(found, 0.1)
    with pytest.raises(DataError, match="1 are longer than 60 tokens") as told:
        screen.refuse_lost(found, 0.05)
    assert "sums/p9" in told.value.message
    assert "cutoff_len" in told.value.hint
    assert "max_cut" in told.value.hint  # candidate has no --max-lost
    assert screen.screen(tmp_path, 61).lost_share == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"chosen": " \n"}, "an answer is empty"),
        ({"rejected": ""}, "an answer is empty"),
        ({"messages": ASKED[:3]}, "last turn"),
        ({"messages": (ASKED[1], ASKED[3])}, "alternate"),
        ({"messages": (ASKED[2], ASKED[3])}, "alternate"),
        ({"messages": ASKED[:1]}, "alternate"),
        ({"messages": ({"role": "user", "content": ""},)}, "a message is empty"),
    ],
)
def test_malformed_pairs_are_counted(changed, why):
    bad = pair(**changed)
    assert why in screen.fault(bad.messages, bad.chosen, bad.rejected)
    found = screen.screen_rows(map(dataset.row, [pair(), bad]), 1000)
    assert (found.malformed, found.cut) == (1, 0)
