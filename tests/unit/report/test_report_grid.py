"""The report of a grid: who was chosen, why, and the spread over seeds."""

import math
from dataclasses import replace

from helpers.report_examples import EXAMPLES, HOSTILE

from smallscale_ci.records import Estimate, Metric
from smallscale_ci.report import grid
from smallscale_ci.report.interface import Beside

ACCURACY, TOKENS = Metric.ACCURACY, Metric.TOKENS


def estimate(value):
    return Estimate(value, value - 0.02, value + 0.02, 100, 100, "")


def beside(accuracy, tokens, lost=None, shorter=None):
    changes = {ACCURACY: lost, TOKENS: shorter}
    differences = {
        metric: estimate(value) for metric, value in changes.items() if value is not None
    }
    levels = {ACCURACY: estimate(accuracy), TOKENS: estimate(tokens)}
    return Beside("r", "m", "sums", levels, differences)


def row(name, tokens, seed=1, lost=-0.01, **more):
    tasks = (beside(0.8, tokens, lost, math.log(tokens / 400)),)
    return grid.GridRow(name, "lcpo", 1e-6, seed, tasks, on_front=False, **more)


def report(*rows, **changes):
    made = grid.GridReport(
        grid="g",
        parent="base",
        suite="smoke",
        fresh_suite="other",
        same_problems=True,
        max_loss=0.015,
        reference=(beside(0.81, 400.0),),
        rows=rows,
        chosen="a-s1",
        pairs=120,
        verdict=EXAMPLES["pass"],
    )
    return replace(made, **changes)


TWO = report(row("b-s1", 300.0), row("a-s1", 200.0), row("a-s2", 220.0, 2, lost=0.03))
BROKEN = grid.GridRow("c", "dpo", 1e-6, 1, (), on_front=False, broken="the loss is NaN")


def test_the_parent_comes_first_then_the_shortest_and_what_broke_last():
    made = replace(TWO, rows=(BROKEN, *TWO.rows))
    table = grid.table(made)
    assert [line[0] for line in table] == ["base", "a-s1", "a-s2", "b-s1", "c"]
    assert [line[-1] for line in table] == ["parent", "chosen", "", "", "broke"]
    assert {len(line) for line in table} == {len(grid.HEADINGS)}
    parent, chosen, *_ = table
    assert parent[2:6] == ("81.0%", "–", "400.0", "–")
    assert chosen[2:5:2] == ("80.0%", "200.0")
    assert chosen[3] == "−1.0 pp [−3.0, +1.0]"
    assert chosen[5].startswith("−50.0% [")


def test_a_member_on_the_front_is_marked_unless_it_is_the_chosen():
    front = replace(TWO.rows[0], on_front=True)
    assert grid.mark(TWO, front) == "front"
    assert grid.mark(TWO, replace(front, name="a-s1")) == "chosen"


def test_the_sentences_say_how_one_was_chosen_and_what_broke():
    said = grid.sentences(replace(TWO, rows=(*TWO.rows, BROKEN)))
    assert said[0].startswith("3 candidates of 4 from 120 pairs, each compared with base on smoke")
    assert "loses at most 1.5 pp of accuracy" in said[1]
    assert "the same problems of smoke, with samples that played no part in the choice" in said[2]
    assert said[-1] == "c broke: the loss is NaN"
    fresh = grid.sentences(replace(TWO, same_problems=False))
    assert (
        fresh[2] == "The verdict is on the problems of other, which played no part in the choice."
    )


def test_members_that_differ_in_the_seed_alone_are_averaged():
    (over,) = grid.over_seeds(TWO)
    assert over[:4] == ("a", "2", "sums", "+1.0 [−1.0, +3.0]")
    assert over[4].endswith("[−50.0, −45.0]")
    assert grid.over_seeds(report(row("a-s1", 200.0))) == []


def test_hostile_names_break_out_of_no_page():
    hostile = report(row(HOSTILE, 200.0), grid=HOSTILE, parent=HOSTILE, suite=HOSTILE)
    page, text = grid.render_html(hostile), grid.render_markdown(hostile)
    assert "<script>alert" not in page
    assert "<script>alert" not in text
    assert "\x1b" not in page + text
    assert not [line for line in text.splitlines() if line.startswith(("::", "##["))]


def test_the_files_are_written_together(tmp_path):
    grid.write(tmp_path / "new", TWO)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["grid.html", "grid.md"]
    assert "| a-s1 | sums |" in (tmp_path / "new" / "grid.md").read_text()
