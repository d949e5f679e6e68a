"""The candidate loop with all its real parts: LLaMA-Factory and DeepSpeed train, vLLM judges.

The answers that the pairs are made from were sampled before (tests/data/smoke-train).
"""

import json
from pathlib import Path

import pytest

from smallscale_ci.run.folder import RunFolder
from smallscale_ci.train import record
from smallscale_ci.train.record import Steps

pytestmark = pytest.mark.engine


def test_every_step_is_complete_and_made_from_the_one_before(candidate):
    record = json.loads((candidate.folder / "candidate.json").read_text())
    steps = record["steps"]
    assert list(steps) == sorted(["sample", "pairs", "train", "parent", "verdict"])
    assert steps["train"]["made_from"] == {"pairs": steps["pairs"]["made"]}
    assert steps["verdict"]["made_from"] == {
        "train": steps["train"]["made"],
        "parent": steps["parent"]["made"],
    }


def test_two_ranks_trained_with_zero3_and_the_loss_fell(candidate):
    trained = record.read(candidate.folder / "train")
    assert trained.status == "complete"
    assert trained.world.ranks == 2
    assert trained.steps == Steps(planned=2, done=2)
    assert trained.loss.last < trained.loss.first
    deepspeed = json.loads((candidate.folder / "train/settings/deepspeed.json").read_text())
    assert deepspeed["zero_optimization"]["stage"] == 3
    assert (
        trained.pairs.sha256
        == (json.loads((candidate.folder / "pairs" / "pairs.json").read_text())["sha256"])
    )


def test_the_candidate_is_judged_against_its_parent(candidate):
    folder = candidate.folder
    verdict = json.loads((folder / "verdict" / "verdict.json").read_text())
    assert verdict["kind"] in {"PASS", "REGRESSED", "INCONCLUSIVE"}, candidate.printed
    assert candidate.code == {"PASS": 0, "REGRESSED": 1, "INCONCLUSIVE": 5}[verdict["kind"]]
    assert verdict["differences"] == []
    checks = {check["metric"]: check for check in verdict["checks"]}
    assert checks["accuracy"]["gated"]
    tokens = checks["tokens"]
    assert not tokens["gated"]
    assert tokens["estimate"]["low"] < tokens["estimate"]["value"] < tokens["estimate"]["high"]
    parent, trained = (RunFolder(folder / step).read_manifest() for step in ("parent", "verdict"))
    assert trained.checkpoint.name == "smollm2-few-steps"
    assert trained.checkpoint.weights_hash != parent.checkpoint.weights_hash
    assert trained.checkpoint.template_hash == parent.checkpoint.template_hash
    assert "smollm2-few-steps" in (folder / "verdict" / "report" / "report.html").read_text()


def test_the_lineage_goes_with_the_weights(candidate):
    model = candidate.folder / "train" / "model"
    assert {"config.json", "tokenizer.json", "chat_template.jinja"} <= {
        p.name for p in model.iterdir()
    }
    assert list(model.glob("*.safetensors"))
    lineage = json.loads((model / "smallscale.json").read_text())
    assert lineage["parent"]["name"] == "smollm2"
    pairs = json.loads((candidate.folder / "pairs" / "pairs.json").read_text())
    assert lineage["pairs"]["sha256"] == pairs["sha256"]
    assert lineage["pairs"]["counts"] == pairs["counts"]
    assert lineage["verdict"]["suite"]["name"] == "held-out"
    assert str(candidate.folder.parent) not in json.dumps(lineage)


def test_going_on_with_a_complete_candidate_shows_its_verdict(candidate):
    before = {p: p.stat().st_mtime_ns for p in (candidate.folder / "train").rglob("*")}
    again = candidate.run("candidate", "--resume", str(candidate.folder), "--json")
    assert again.returncode == candidate.code, again.stderr
    assert again.stderr.count("complete, skipped") == 5
    shown = json.loads(again.stdout)
    assert shown["model"] == str(candidate.folder / "train" / "model")
    assert {p: p.stat().st_mtime_ns for p in (candidate.folder / "train").rglob("*")} == before


def test_a_kill_between_the_last_answer_and_the_verdict_loses_nothing(candidate):
    record, told = candidate.folder / "candidate.json", candidate.folder / "verdict/verdict.json"
    before, verdict = json.loads(record.read_text()), json.loads(told.read_text())
    told.unlink()
    steps = {name: step for name, step in before["steps"].items() if name != "verdict"}
    lineage = {key: value for key, value in before["lineage"].items() if key != "verdict"}
    record.write_text(json.dumps({**before, "steps": steps, "lineage": lineage}))
    again = candidate.run("candidate", "--resume", str(candidate.folder))
    assert again.returncode == candidate.code, again.stderr
    assert json.loads(told.read_text()) == verdict
    assert json.loads(record.read_text())["lineage"] == before["lineage"]


def test_the_steps_are_shown_before_anything_is_done(candidate, tmp_path: Path):
    done = candidate.run(
        *candidate.arguments, "--out", str(tmp_path / "new"), "--dry-run", "--json"
    )
    assert done.returncode == 0, done.stderr
    planned = json.loads(done.stdout)
    pairs = json.loads((candidate.folder / "pairs" / "pairs.json").read_text())
    assert planned["pairs"] == pairs["counts"]["pairs"]
    assert planned["exact"]
    assert {step["state"] for step in planned["steps"]} == {"to do"}
    assert planned["training"]["steps"] > 0
    assert not (tmp_path / "new").exists()
