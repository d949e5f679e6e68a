"""Thinking, loops and missing answers of a reasoning model, from its run to the verdict."""

import json

import pyarrow.parquet as pq
import pytest
from helpers import replayed

from smallscale_ci.ids import file_hash
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.worker import loops as loops_in

POLICY = """
name: thinkers
margins: {accuracy: null, tokens: null, truncation: null, thinking: 0.3, answer: 0.3,
          looping: 0.1, missing: 0.1}
"""
SPAN = "Wait, let me check step {n} again: 6 * 7 is 42, so far so good. "
METRICS = {"thinking", "answer", "looping", "missing"}


def thinker(place, name, *, thinks, loops):
    """A run that thinks for ``thinks`` tokens; every ``loops``-th completion ends in a loop."""
    run = RunFolder(replayed.make_run(place, name, epochs=4, wrong=0.0, seed=len(name)))
    rows = pq.read_table(run.generations).to_pylist()
    for number, row in enumerate(rows):
        if loops and number % loops == 0:
            row["text"] = "<think>" + "".join(SPAN.format(n=n) for n in range(60))
            row["finish_reason"], size = "LENGTH", 400
            row["thinking_tokens"] = size
        else:
            row["text"] = f"<think>Six times seven.</think>{row['text']}"
            row["thinking_tokens"], size = thinks + number % 5, thinks + number % 5 + 12
        cut = row["finish_reason"] == "LENGTH"
        row["looping"] = cut and loops_in.find(row["text"]) is not None  # as the worker counts it
        row["token_ids"], row["completion_tokens"] = list(range(size)), size
    tables.write(run.generations, tables.GENERATIONS, rows, file_hash(run.prompts))
    replayed.rehash(run.path)
    done = replayed.smallscale(place, "judge", run.path)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("thinkers")
    replayed.make_configs(place, problems=40)
    (place / "configs" / "gates" / "thinkers.yaml").write_text(POLICY)
    thinker(place, "short", thinks=30, loops=0)
    thinker(place, "same", thinks=30, loops=0)
    thinker(place, "worse", thinks=90, loops=3)
    return place


def test_lengths_and_rates_are_in_summary_history_and_json(place):
    run = RunFolder(place / "stored" / "worse")
    (task,) = json.loads((run.path / "summary.json").read_text())["tasks"]
    assert task.keys() >= METRICS
    assert task["looping"]["low"] < 54 / 160 < task["looping"]["high"]
    assert task["missing"]["value"] == task["looping"]["value"] == 54 / 160
    assert 90 <= task["lengths"]["thinking"]["right"] < 96
    found = replayed.smallscale(place, "history", "stored", "--json")
    levels = json.loads(found.stdout)["trends"][0]["points"][0]["levels"]
    assert levels.keys() >= METRICS


def test_a_policy_gates_them(place):
    same = replayed.smallscale(
        place, "compare", "stored/same", "stored/short", "--gate", "thinkers", "--json"
    )
    assert same.returncode == 0, same.stdout + same.stderr
    assert {check["metric"] for check in json.loads(same.stdout)["checks"]} >= METRICS
    worse = replayed.smallscale(
        place, "compare", "stored/worse", "stored/short", *("--gate", "thinkers")
    )
    assert worse.returncode == 1, worse.stdout
    for word in ("thinking", "looping", "missing"):
        assert word in worse.stdout


def test_the_page_quotes_each_loop_once(place):
    replayed.smallscale(place, "compare", "stored/worse", "stored/short", "--gate", "thinkers")
    page = (place / "stored" / "worse" / "report" / "report.html").read_text()
    section = page.split('id="loops-title"')[1].split("</section>")[0]
    assert 0 < section.count("<code>") <= 50
    assert section.count("so far so good") == section.count("<code>")
