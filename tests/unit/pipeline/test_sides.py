"""A side of a comparison: whose a path is, and what is gated where a side records little."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.foreign import DATA
from helpers.runs import RIGHT, grid

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import sides
from smallscale_ci.records import Metric
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples_table import to_table

WHOLE = grid(np.full((6, 2), RIGHT))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run, a baseline, a samples file, another tool's file, and a parquet file of nobody."""
    place = tmp_path_factory.mktemp("sides")
    replayed.make_configs(place, problems=6)
    run = replayed.make_run(place, "src")
    pq.write_table(to_table(WHOLE), place / "samples.parquet")
    rows = [{"id": n, "gold": str(n), "output": f"\\boxed{{{n % 2}}}"} for n in range(4)]
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.table({"x": [1]}), place / "other.parquet")
    (place / "notes.txt").write_text("hello")
    return {
        "run": run,
        "baseline": replayed.record(run, place / "baselines"),
        "samples": place / "samples.parquet",
        "rows": place / "rows.jsonl",
        "nobody": place / "notes.txt",
    }


def test_only_what_another_tool_wrote_is_another_tool_s(world, tmp_path):
    found = {name: sides.is_foreign(path) for name, path in world.items()}
    assert found == {
        "run": False,
        "baseline": False,
        "samples": False,
        "rows": True,
        "nobody": False,
    }
    assert not sides.is_foreign(tmp_path / "none")
    assert sides.is_foreign(DATA / "nemo-evaluator-0.3.0")


@pytest.mark.parametrize(("name", "count"), [("run", 12), ("baseline", 12), ("samples", 12)])
def test_every_kind_of_side_is_read(world, name, count):
    assert len(sides.load(world[name], Wanted()).samples) == count


def test_another_tool_s_texts_may_be_judged_again(world):
    run = sides.load(world["rows"], Wanted(), JudgeSpec("math", ("boxed",)))
    assert run.samples.outcome_counts()["CORRECT"] == 2
    assert next(iter(run.manifest.judges.values())).startswith("math/")


def test_what_is_there_and_nobody_s_is_told_with_what_is_known(world):
    for read in (
        lambda: sides.load(world["nobody"], Wanted()),
        lambda: sides.resolve(str(world["nobody"]), Place("", "", ""), Path("none"), Wanted()),
    ):
        with pytest.raises(DataError, match="not a run, a baseline or a result") as caught:
            read()
        assert "lm-eval" in caught.value.hint


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="does not exist") as caught:
        sides.load(tmp_path / "none", Wanted())
    assert "Give a run folder" in caught.value.hint


def test_a_baseline_may_be_another_tool_s_file_or_a_name(world):
    place = Place("tiny", "replay", "m")
    root = world["baseline"].parents[2]
    assert len(sides.resolve("m", place, root, Wanted()).samples) == 12
    log = str(DATA / "sgl-eval-0.1.3")
    assert sides.resolve(log, place, root, Wanted()).manifest.tool is not None


def test_a_policy_that_nobody_named_gates_what_both_sides_record():
    told, silent = Run("a", WHOLE), Run("b", replace(WHOLE, unknown=frozenset({Metric.TOKENS})))
    policy = GatePolicy(name="p", margins=Margins(looping=0.1), task_margins={"t": Margins()})
    found, notes = sides.gated_by_what_is_known(policy, told, silent)
    assert found.margins.accuracy == 0.02
    assert found.margins.tokens is found.margins.looping is None
    assert found.task_margins["t"].tokens is None
    assert [note.text for note in notes] == [
        "Looping is not gated: it is not recorded on both sides.",
        "Tokens is not gated: it is not recorded on both sides.",
    ]


def test_a_policy_that_would_gate_nothing_then_is_left_as_it_is():
    silent = Run("b", replace(WHOLE, unknown=frozenset({Metric.TOKENS, Metric.TRUNCATION})))
    policy = GatePolicy(name="p", margins=Margins(accuracy=None))
    assert sides.gated_by_what_is_known(policy, silent, silent) == (policy, ())
