import json
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from helpers import replayed

from smallscale_ci.files import write_json
from smallscale_ci.records import Metric
from smallscale_ci.report import formats, history, stored, trends
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder

ACCURACY, TOKENS = Metric.ACCURACY, Metric.TOKENS


def date(path, day):
    """Let the run have started on ``day``."""
    replayed.alter(path, created=f"2026-02-{day:02}T00:00:00+00:00")
    return path


def read(place, *names):
    return [stored.read(place / "stored" / name) for name in names]


def test_changes_are_marked_where_they_happened_and_nowhere_else(place):
    runs, left_out = stored.find([place / "stored"])
    assert left_out == ()
    (trend,) = history.history(runs).trends
    assert [point.model for point in trend.points] == [f"step-{n}" for n in range(1, 6)]
    marked = [set(point.changes) for point in trend.points]
    assert marked == [set(), set(), set(), {ACCURACY}, {TOKENS}]
    fall, growth = trend.points[3].changes[ACCURACY], trend.points[4].changes[TOKENS]
    assert fall.worse
    assert -0.6 < fall.value < -0.2
    assert growth.worse
    assert growth.value == pytest.approx(np.log(2), abs=0.2)


def test_noise_is_rarely_marked(place):
    """Sixty runs of one model, 118 tests: the chance of any mark is one in a hundred."""
    one = stored.read(place / "stored" / "r1")
    rng = np.random.default_rng(7)
    samples = one.samples()
    marks = 0

    def drawn():
        again = samples.select(np.ones(len(samples), dtype=bool))
        again.outcome[:] = rng.random(len(samples)) < 0.3
        again.tokens[:] = rng.integers(10, 40, len(samples))
        return again

    runs = [replace(one, samples=drawn) for _ in range(60)]
    for trend in history.history(runs).trends:
        marks += sum(len(point.changes) for point in trend.points)
    assert marks == 0


def test_runs_that_are_not_comparable_are_not_tested(place, tmp_path):
    other = shutil.copytree(place / "stored" / "r4", tmp_path / "other")
    replayed.alter(other, engine={"version": "9"})
    (trend,) = history.history([*read(place, "r1"), stored.read(other)]).trends
    assert trend.points[1].changes == {}
    assert trend.points[1].incomparable == ("engine.version",)
    assert "≠ engine.version" in trends.changed(trend.points[1])


def test_the_trail_of_a_report_is_the_same_model_before(place, tmp_path):
    for day, name in enumerate(("old", "newer", "now", "later"), 1):
        date(shutil.copytree(place / "stored" / "r1", tmp_path / name), day)
    date(shutil.copytree(place / "stored" / "r2", tmp_path / "other-model"), 1)
    (tmp_path / "no-run").mkdir()
    manifest = RunFolder(tmp_path / "newer").manifest
    manifest.write_text(manifest.read_text().replace('"run_id": "r1"', '"run_id": "second"'))
    points = history.trail(RunFolder(tmp_path / "now"))
    assert [point.run_id for point in points] == ["r1", "second"]
    assert points[0].accuracy == stored.read(place / "stored/r1").summary().tasks[0].accuracy.value


def test_a_run_without_judgements_is_shown_but_not_tested(place, tmp_path):
    bare = date(shutil.copytree(place / "stored" / "r4", tmp_path / "bare"), 2)
    RunFolder(bare).judgements.unlink()
    result = history.history([*read(place, "r1"), stored.read(bare)])
    assert len(result.trends[0].points) == 2
    assert "not marked" in result.left_out[0]


def test_memory_holds_two_runs_and_of_the_others_their_points(place):
    """Twenty times as many runs need less than 3 KiB more for each, however large they are."""
    one = stored.read(place / "stored" / "r1")

    def numbered(one, number):
        return replace(one, manifest=replace(one.manifest, run_id=f"r{number}"))

    def most(count):
        tracemalloc.start()
        history.history(numbered(one, number) for number in range(count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    most(200)  # what is imported and kept on first use
    assert most(200) - most(10) < 190 * 3072


def test_side_by_side_compares_with_the_first(place):
    rows = history.side_by_side(read(place, "r1", "r2", "r4"))
    assert [row.model for row in rows] == ["step-1", "step-2", "step-4"]
    assert rows[0].differences == {}
    assert rows[1].differences[ACCURACY].low < 0 < rows[1].differences[ACCURACY].high
    assert rows[2].differences[ACCURACY].high < 0


def test_the_commands(place, tmp_path):
    page = tmp_path / "history.html"
    done = replayed.smallscale(place, "history", "stored", "--html", page, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert "▼ accuracy −" in done.stdout
    assert "▲ tokens +" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")
    done = replayed.smallscale(place, "history", "stored", "--model", "step-2", "--json")
    (trend,) = json.loads(done.stdout)["trends"]
    assert [point["model"] for point in trend["points"]] == ["step-2"]
    done = replayed.smallscale(
        place, "report", "--compare", "stored/r1", "stored/r2", "stored/r4", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[2]["differences"]["accuracy"]["high"] < 0
    done = replayed.smallscale(place, "report", "--compare", "stored/r1", "stored/r4")
    assert "differences to r1" in done.stdout
    assert replayed.smallscale(place, "history", "nowhere").returncode == 2
    assert replayed.smallscale(place, "report", "stored/r1", "stored/r2").returncode == 2


def test_a_report_does_without_a_text_column(place, tmp_path):
    folder = shutil.copytree(place / "stored" / "r4", tmp_path / "r4")
    run = RunFolder(folder)
    rows = list(tables.rows(run.generations, tables.GENERATIONS))
    schema = tables.GENERATIONS.remove(tables.GENERATIONS.get_field_index("text"))
    for row in rows:
        del row["text"]
    made_from = tables.predecessor_of(run.generations, tables.GENERATIONS)
    tables.write(run.generations, schema, rows, made_from)
    judged = [tables.judgement_row(j, "") for j in tables.judgements(run.judgements)]
    from smallscale_ci.ids import file_hash

    tables.write(run.judgements, tables.JUDGEMENTS, judged, file_hash(run.generations))
    replayed.rehash(folder)
    done = replayed.smallscale(place, "compare", folder, "stored/r1")
    assert done.returncode == 1, done.stderr
    assert (folder / "report" / "report.html").stat().st_size > 10_000


def test_a_run_that_failed_throughout_has_no_level(tmp_path):
    replayed.make_configs(tmp_path, problems=8)
    for day in (1, 2, 3):
        date(replayed.make_run(tmp_path, f"r{day}", seed=day), day)
    run = RunFolder(tmp_path / "stored" / "r2")
    summary = json.loads(run.summary.read_text())
    (task,) = summary["tasks"]
    unknown = dict.fromkeys(("value", "low", "high")) | {"n": 0, "clusters": 0}
    for metric in ("accuracy", "tokens", "truncation"):
        task[metric] |= unknown  # as summary.py writes where every sample ERRORED
    write_json(run.summary, summary)
    replayed.rehash(run.path)
    (trend,) = history.history(read(tmp_path, "r1", "r2", "r3")).trends
    assert [np.isfinite(p.levels[ACCURACY].value) for p in trend.points] == [True, False, True]
    assert trends.sparkline([p.levels[TOKENS].value for p in trend.points])[1] == " "
    done = replayed.smallscale(tmp_path, "history", "stored/r2", "stored/r3")
    assert "–" not in done.stdout.splitlines()[-3]  # the least and largest of those that are known
    (level,) = read(tmp_path, "r2")[0].summary().tasks
    assert formats.level_interval(ACCURACY, level.accuracy) == "–"
    assert {p.run_id for p in history.trail(RunFolder(tmp_path / "stored" / "r3"))} == {"r1"}
