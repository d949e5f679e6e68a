"""CONTRIBUTING.md followed to the letter in a copy of the repository, and each addition used."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.runs import RIGHT, grid

from smallscale_ci.records import Outcome
from smallscale_ci.run.samples import OUTCOMES
from smallscale_ci.run.samples_table import to_table

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUITE = """\
name: words
gate: words
tasks:
  - name: words
    source: words.jsonl
    judge: {name: verbatim}
"""
GATE = """\
name: words
margins: {accuracy: 0.2, tokens: 0.5, truncation: 0.3, unparsed: 0.2}
max_epochs: 1
"""


@pytest.fixture(scope="module")
def sections():
    """Section of CONTRIBUTING.md → its blocks as (language, text)."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    return {name: BLOCK.findall(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What the package consists of, without any addition."""
    place = tmp_path_factory.mktemp("contributing")
    unneeded = shutil.ignore_patterns("__pycache__", "data")
    for name in ("smallscale_ci", "configs", "docker", "tests/helpers", "tests/unit"):
        shutil.copytree(ROOT / name, place / name, ignore=unneeded)
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, place / name)
    if (ROOT / ".mypy_cache").exists():  # what was checked before need not be checked again
        shutil.copytree(ROOT / ".mypy_cache", place / "cache")
    return place


@pytest.fixture(scope="module")
def extended(copy, sections):
    """The copy with all that the document adds, and with a suite and a policy that use it."""
    for title in ("judge", "engine", "metric", "file to the report"):
        article = "an" if title == "engine" else "a"
        for block in sections[f"Add {article} {title}"]:
            apply(copy, *block)
    for folder, text in (("suites", SUITE), ("gates", GATE)):
        (copy / "configs" / folder / "words.yaml").write_text(text)
    rows = [{"question": f"Please say w{n}", "gold": f"w{n + n % 2}"} for n in range(80)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (copy / "configs" / "suites" / "words.jsonl").write_text(lines)
    return copy


def apply(place, language, text):
    """Write a block that begins with its file's name, or change a file as a block of diff says."""
    first, _, rest = text.partition("\n")
    if language != "diff":
        new = place / first.removeprefix("# ")
        assert not new.exists()
        new.write_text(rest, encoding="utf-8")
        return
    path = place / first.removeprefix("--- ")
    lines = rest.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1, (path, before)
    path.write_text(content.replace(before, after), encoding="utf-8")


def run(place, *command, expected=0):
    """Run a module of the copy; its standard output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMALLSCALE_")}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=place,
        env={**kept, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def smallscale(place, *arguments, expected=0):
    return json.loads(run(place, "smallscale_ci", *arguments, "--json", expected=expected))


def test_the_type_checker_names_every_place_that_lacks_a_metric(copy, sections, tmp_path):
    """Runs before the copy is extended: fixtures are made when they are first asked for."""
    place = tmp_path / "copy"
    shutil.copytree(copy, place)
    entry, *others = sections["Add a metric"]
    apply(place, *entry)
    found = run(place, "mypy", "--cache-dir", place / "cache", expected=1)
    lacking = set(re.findall(r"^(\S+?):\d+: error:", found, re.MULTILINE))
    said = {text.partition("\n")[0].removeprefix("--- ") for _, text in others}
    assert lacking == said, found


def test_baselines_of_before_a_metric_are_read(extended):
    found = smallscale(extended, "baseline", "verify", "--baselines", ROOT / "baselines")
    assert len(found["baselines"]) >= 2
    assert found["problems"] == []


def test_judge_engine_metric_and_report_work_together(extended):
    made = smallscale(extended, "generate", "polly", "--suite", "words", "--profile", "parrot")
    stored = Path(made["run"])
    (task,) = json.loads((stored / "summary.json").read_text())["tasks"]
    assert task["accuracy"]["value"] == 0.5  # every other word is not the gold
    assert task["unparsed"]["value"] == 0.0
    judged = pq.read_table(stored / "judgements.parquet").to_pylist()
    assert {row["judge"] for row in judged} == {"verbatim/1"}
    manifest = json.loads((stored / "manifest.json").read_text())
    assert manifest["engine"]["name"] == "parrot"

    again = ("eval", stored, "--suite", "words", "--profile", "replay", "--baseline", stored)
    verdict = smallscale(extended, *again)
    checks = {check["metric"]: check for check in verdict["checks"]}
    assert checks["unparsed"]["gated"]
    assert checks["unparsed"]["kind"] == verdict["kind"] == "PASS"
    (replayed,) = (path for path in (extended / "runs").iterdir() if path != stored)
    with (replayed / "report" / "levels.csv").open() as lines:
        levels = {row["metric"]: row for row in csv.DictReader(lines)}
    assert float(levels["accuracy"]["value"]) == 0.5
    assert float(levels["unparsed"]["value"]) == 0.0


def test_the_metric_fails_a_model_that_leaves_more_unanswered(extended, tmp_path):
    before, after = np.full((100, 2), RIGHT), np.full((100, 2), RIGHT)
    after[:60] = OUTCOMES.index(Outcome.UNPARSED)
    for name, values in (("before", before), ("after", after)):
        pq.write_table(to_table(grid(values)), tmp_path / f"{name}.parquet")
    files = (tmp_path / "after.parquet", tmp_path / "before.parquet")
    verdict = smallscale(extended, "compare", *files, "--gate", "words", expected=1)
    (check,) = (one for one in verdict["checks"] if one["metric"] == "unparsed")
    assert check["kind"] == "REGRESSED"
    assert check["estimate"]["value"] == pytest.approx(0.6)
    assert any("without an answer" in reason["sentence"] for reason in verdict["reasons"])


def test_style_holds(extended):
    run(extended, "ruff", "check", "--no-cache", ".")
    run(extended, "ruff", "format", "--no-cache", "--check", ".")


def test_tests_of_the_tables_hold(extended):
    """None of them writes out again what a table holds."""
    rooms = ("config", "records", "gate/test_gate_metric.py", "judges/test_judge_registry.py")
    chosen = [f"tests/unit/{one}" for one in (*rooms, "worker/test_engine_registry.py")]
    run(extended, "pytest", "-q", *chosen)


def test_types_and_import_rules_hold(extended):
    assert "Success" in run(extended, "mypy", "--cache-dir", extended / "cache")
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=extended, capture_output=True, text=True, check=False
    )
    assert " 0 broken" in done.stdout, done.stdout[-3000:]
