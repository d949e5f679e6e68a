"""``smallscale judge`` as users run it: runs, other tools' files, a model as judge, --explain."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.chat_server import says, serving

from smallscale_ci.ids import file_hash
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder

KEY = "sk-secret-0123456789"
ASKED = replayed.SUITE.replace("tiny\n", "asked\n", 1).replace(
    "      name: math\n", "      {name: llm, model: m, rule: math}\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=30)
    (place / "configs" / "suites" / "asked.yaml").write_text(ASKED)
    replayed.make_run(place, "src", epochs=2)
    return place


def agreeable(body, _):
    """Yes where the answer's box holds the reference answer."""
    asked = body["messages"][1]["content"]
    gold = asked.split("Reference answer:\n")[1].split("\n")[0]
    return says("Yes" if f"\\boxed{{{gold}}}" in asked else "No")


def contents(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def test_a_suite_is_judged_by_a_model_while_it_is_generated_and_again(place, tmp_path):
    with serving(agreeable) as server:
        known = {
            "SMALLSCALE_JUDGE_URL": server.url,
            "SMALLSCALE_JUDGE_KEY": KEY,
            "SMALLSCALE_CACHE": str(tmp_path / "cache"),
        }
        arguments = ("generate", "stored/src", "--suite", "asked", "--profile", "replay")
        done = replayed.smallscale(
            place, *arguments, "--epochs", "2", "--runs", tmp_path / "runs", **known
        )
        assert done.returncode == 0, done.stderr
        asked = len(server.bodies)
        assert 0 < asked <= 60
        assert set(server.keys) == {f"Bearer {KEY}"}
        (run,) = (tmp_path / "runs").iterdir()
        again = replayed.smallscale(place, "judge", run, **known)
        assert again.returncode == 0, again.stderr
        assert len(server.bodies) == asked  # all answers were on disk
    assert "Cohen's κ 1.00" in done.stderr
    manifest = RunFolder(run).read_manifest()
    assert manifest.judges == {"sums": f"{judge_version('llm')} boxed+stated m"}
    assert manifest.judge_agreement["sums"].samples == 60
    by_rule = {
        (j.problem_id, j.sample_index): j.outcome
        for j in tables.judgements(place / "stored" / "src" / "judgements.parquet")
    }
    by_model = {
        (j.problem_id, j.sample_index): j.outcome
        for j in tables.judgements(run / "judgements.parquet")
    }
    assert by_model == by_rule
    assert KEY not in contents(tmp_path) + done.stdout + done.stderr + again.stderr


def test_a_suite_without_its_service_does_not_begin(place, tmp_path):
    arguments = ("generate", "stored/src", "--suite", "asked", "--profile", "replay")
    done = replayed.smallscale(place, *arguments, "--runs", tmp_path)
    assert done.returncode == 2, done.stderr
    assert "SMALLSCALE_JUDGE_URL" in done.stderr
    quiet = replayed.smallscale(place, *arguments, "--runs", tmp_path / "b", "--no-judge")
    assert quiet.returncode == 0, quiet.stderr


def test_a_service_that_refuses_ends_in_exit_3_and_the_run_goes_on_later(place, tmp_path):
    arguments = ("generate", "stored/src", "--suite", "asked", "--profile", "replay")
    cache = {"SMALLSCALE_CACHE": str(tmp_path / "cache")}
    with serving(lambda *_: (401, {}, {"error": {"message": f"bad key {KEY}"}})) as server:
        done = replayed.smallscale(
            place, *arguments, "--runs", tmp_path / "runs",
            SMALLSCALE_JUDGE_URL=server.url, SMALLSCALE_JUDGE_KEY=KEY, **cache,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "does not answer" in done.stderr
    assert KEY not in done.stderr + contents(tmp_path)
    (run,) = (tmp_path / "runs").iterdir()
    with serving(agreeable) as server:
        done = replayed.smallscale(
            place, "generate", "--resume", run, SMALLSCALE_JUDGE_URL=server.url, **cache
        )
    assert done.returncode == 0, done.stderr
    assert len(list(tables.judgements(run / "judgements.parquet"))) == 30


@pytest.fixture
def log(tmp_path) -> Path:
    lines = [
        {"doc_id": n, "doc": {"question": f"{n}+4?"}, "target": f"#### {n + 4}", "filter": "none",
         "arguments": {}, "resps": [[f"\\boxed{{{n + 4 + n % 2}}}"]], "filtered_resps": [""]}
        for n in range(6)
    ]  # fmt: skip
    path = tmp_path / "samples_sums.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_file_is_judged_by_rule_and_by_model(place, log):
    before = file_hash(log)
    done = replayed.smallscale(place, "judge", log, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcomes"] == {"CORRECT": 3, "WRONG": 3}
    assert pq.read_table(log.with_name("samples_sums.judged.parquet")).num_rows == 6
    with serving(agreeable) as server:
        done = replayed.smallscale(
            place, "judge", log, "--judge", "llm", "--judge-model", "m", "--rule", "math", "--json",
            SMALLSCALE_JUDGE_URL=server.url, SMALLSCALE_CACHE=str(log.parent / "cache"),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outcomes"] == {"CORRECT": 3, "WRONG": 3}
    assert told["judge_agreement"]["kappa"] == 1.0
    assert file_hash(log) == before


def wrong_now_and_then(body, _):
    """Right but for answers that end in 9, which it refuses, and in 3, which it accepts."""
    asked = body["messages"][1]["content"]
    box = asked.rsplit("\\boxed{", 1)[1].split("}")[0]
    honest = agreeable(body, _)
    return says("No") if box.endswith("9") else says("Yes") if box.endswith("3") else honest


@pytest.fixture
def labelled(tmp_path) -> Path:
    rows = [
        {"problem_id": str(n), "gold": str(n), "text": f"\\boxed{{{n + odd}}}", "score": 1 - odd}
        for n, odd in ((n, n % 2) for n in range(2, 42))
    ] + [{"problem_id": "50", "gold": "9", "text": "\\boxed{9}", "score": 1},
         {"problem_id": "51", "gold": "5", "text": "\\boxed{3}", "score": 0}]  # fmt: skip
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_errors_of_a_judge_are_measured_and_correct_the_accuracy(place, labelled, tmp_path):
    with serving(wrong_now_and_then) as server:
        known = {
            "SMALLSCALE_JUDGE_URL": server.url,
            "SMALLSCALE_CACHE": str(tmp_path / "cache"),
        }
        model = ("--judge", "llm", "--judge-model", "m", "--labelled")
        done = replayed.smallscale(place, "judge", labelled, *model, **known)
        assert done.returncode == 0, done.stderr
        assert "20 of 21 right answers right (95.2%)" in done.stdout
        assert "measured: {right: [20, 21], wrong: [20, 21]}" in done.stdout
        told = replayed.smallscale(place, "judge", labelled, *model, "--json", **known)
        assert json.loads(told.stdout)["measured"] == {"right": [20, 21], "wrong": [20, 21]}
        suites = place / "configs" / "suites"
        (suites / "asked.yaml").write_text(
            ASKED.replace("rule: math}", "measured: {right: [20, 21], wrong: [20, 21]}}")
        )
        arguments = ("generate", "stored/src", "--suite", "asked", "--profile", "replay")
        done = replayed.smallscale(place, *arguments, "--runs", tmp_path / "runs", **known)
        (run,) = (tmp_path / "runs").iterdir()
        gated = replayed.smallscale(
            place, "eval", *arguments[1:], "--runs", tmp_path / "gated", "--baseline", run, **known
        )
        (suites / "asked.yaml").write_text(ASKED)
    assert done.returncode == 0, done.stderr
    assert gated.returncode == 0, gated.stderr
    (report,) = (tmp_path / "gated").glob("*/report")
    assert all(
        "corrected for the judge" in (report / name).read_text()
        for name in ("report.md", "report.html")
    )
    manifest = RunFolder(run).read_manifest()
    errors = manifest.judge_errors["sums"]
    accuracy = json.loads((run / "summary.json").read_text())["tasks"][0]["accuracy"]
    assert errors.corrected == pytest.approx(
        min((accuracy["value"] + 20 / 21 - 1) / (40 / 21 - 1), 1.0)
    )
    assert errors.high - errors.low > accuracy["high"] - accuracy["low"]
    assert "corrected for the judge's errors" in " ".join(done.stdout.split())
    checked = replayed.smallscale(place, "verify", run)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ("{right: [3, 2], wrong: [1, 2]}", "more than all"),
        ("{right: [1, 2], wrong: [1, 2]}", "no better than chance"),
        ("{right: [1, 0], wrong: [1, 2]}", "measured.right"),
    ],
)
def test_errors_that_correct_nothing_are_refused(place, measured, said):
    path = place / "configs" / "suites" / "chance.yaml"
    text = ASKED.replace("asked", "chance").replace("rule: math}", f"measured: {measured}}}")
    path.write_text(text)
    done = replayed.smallscale(place, "suite", "show", "chance")
    path.unlink()
    assert done.returncode == 2
    assert said in done.stderr


def test_labels_of_one_kind_measure_nothing(place, labelled):
    lines = labelled.read_text().splitlines()
    labelled.write_text("".join(f"{line}\n" for line in lines if '"score": 1' in line))
    done = replayed.smallscale(place, "judge", labelled, "--labelled")
    assert done.returncode == 2
    assert "both labels" in done.stderr
    done = replayed.smallscale(place, "judge", "stored/src", "--labelled")
    assert done.returncode == 2
    assert "--labelled: for other tools' files" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--judge", "vibes"), "vibes"),
        (("--judge", "code"), "no tests"),
        (("--judge", "llm"), "--judge-model"),
        (("--extract", "guess"), "--extract"),
        (("--rule", "math"), "LLM judge only"),
        (("--judge", "llm", "--judge-model", "m"), "SMALLSCALE_JUDGE_URL"),
        (("--explain", "9"), "rows go from 1 to 6"),
    ],
)
def test_what_cannot_be_asked_for_is_told(place, log, options, said):
    done = replayed.smallscale(place, "judge", log, *options)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "should not" not in done.stderr


def test_a_file_s_ruling_is_explained(place, log):
    for name in ("3", "3:0"):
        done = replayed.smallscale(place, "judge", log, "--explain", name)
        assert done.returncode == 0, done.stderr
        assert "found by 'boxed'" in done.stdout
        assert "WRONG" in done.stdout
    assert not log.with_name("samples_sums.judged.parquet").exists()


def test_a_run_s_ruling_is_explained_and_hostile_text_is_harmless(place, tmp_path):
    run = RunFolder(replayed.make_run(place, "hostile", epochs=2))
    rows = list(tables.rows(run.generations, tables.GENERATIONS))
    name = rows[0]["problem_id"]
    hostile = "\x1b]0;owned\x07\x1b[2J\n::error::gone [red]x[/red] \\boxed{\x1b[31m8}"
    for row in rows:
        if row["problem_id"] == name:
            second = row["sample_index"] == 1
            row["text"] = "\\boxed{8}" if second else hostile
            row["thinking"] = second  # the prompt had opened the block
    tables.write(run.generations, tables.GENERATIONS, rows, file_hash(run.prompts))
    replayed.rehash(run.path)
    done = replayed.smallscale(place, "judge", run.path, "--explain", name[:8])
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\n::error::" not in done.stdout
    assert "outcome" in done.stdout
    second = replayed.smallscale(place, "judge", run.path, "--explain", f"{name}:1", "--json")
    steps = dict(json.loads(second.stdout)["steps"])
    assert steps["outcome"] == "UNPARSED"
    assert "not finished" in steps["after thinking"]
    for wrong in ("", "zz", f"{name}:7", f"{name}:x"):
        done = replayed.smallscale(place, "judge", run.path, "--explain", wrong)
        assert done.returncode == 2, (wrong, done.stderr)


def test_engines_do_not_learn_the_judge_s_key(monkeypatch):
    from smallscale_ci.cli.command import Context

    monkeypatch.setenv("SMALLSCALE_JUDGE_KEY", KEY)
    monkeypatch.setenv("SMALLSCALE_JUDGE_URL", "http://localhost:1/v1")
    settings = Context(json=False, quiet=True, verbose=False).settings()
    assert settings.service is not None
    assert settings.service.key == KEY
    assert KEY not in repr(settings)
    assert KEY not in settings.environment.values()
    assert os.environ["SMALLSCALE_JUDGE_KEY"] == KEY
