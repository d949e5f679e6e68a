"""Rounds through the command line: looks, budgets, resuming, and the gate's own calibration."""

import json
from pathlib import Path

import pytest
from helpers import replayed
from helpers.replayed import smallscale

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "baselines" / "smoke" / "vllm-cpu" / "smollm2"
ROUNDS = """\
name: tiny
margins: {accuracy: 0.05, tokens: 0.5, truncation: 0.2}
max_epochs: 4
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A suite of 60 problems, a baseline of 8 epochs, and a candidate a little below it."""
    replayed.make_configs(tmp_path)
    (tmp_path / "configs" / "gates" / "tiny.yaml").write_text(ROUNDS)
    replayed.make_run(tmp_path, "base", epochs=8, wrong=0.2, seed=1)
    replayed.make_run(tmp_path, "close", epochs=4, wrong=0.22, seed=2)
    done = smallscale(tmp_path, "baseline", "record", "stored/base", "-m", "first", "--by", "Ada")
    assert done.returncode == 0, done.stderr
    return tmp_path


def verdict_of(place: Path, *arguments: str) -> dict[str, object]:
    done = smallscale(place, *arguments, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


EVAL = ("eval", "stored/close", "--suite", "tiny", "--profile", "replay")


def test_an_open_verdict_adds_epochs_until_it_closes_or_the_plan_ends(place: Path) -> None:
    verdict = verdict_of(place, *EVAL)
    assert verdict["of"] == 4
    assert 2 <= verdict["look"] <= 4
    assert verdict["accounting"]["planned"] == 60 * verdict["look"]
    assert verdict["kind"] != "INCONCLUSIVE" or verdict["look"] == 4


def test_one_look_by_hand_is_the_look_that_eval_made(place: Path) -> None:
    made = verdict_of(place, *EVAL)
    look = made["look"]
    (run,) = (place / "runs").iterdir()
    again = verdict_of(
        place, "compare", str(run), "m", "--look", str(look), "--of", "4", "--gate", "tiny"
    )
    for key in ("kind", "look", "of", "checks", "accounting", "reasons"):
        assert again[key] == made[key], key


def test_the_first_look_of_many_asks_for_more_than_a_single_one(place: Path) -> None:
    of_one = verdict_of(place, "compare", "stored/close", "m", "--gate", "tiny")
    of_four = verdict_of(
        place, "compare", "stored/close", "m", "--gate", "tiny", "--look", "1", "--of", "4"
    )
    for single, first in zip(of_one["checks"], of_four["checks"], strict=True):
        assert first["boundary"] < single["boundary"]
        assert first["pass_boundary"] < single["pass_boundary"]


def test_budgets_end_a_run_between_epochs(place: Path) -> None:
    verdict = verdict_of(place, *EVAL, "--token-budget", "2000")
    assert verdict["kind"] == "INCONCLUSIVE"
    assert verdict["look"] == 1
    assert any("token budget" in str(note) for note in verdict["notes"])
    single = verdict_of(place, *EVAL, "--max-epochs", "1")
    assert (single["look"], single["of"]) == (1, 1)


def test_a_resumed_run_has_spent_the_time_of_its_earlier_sessions(place: Path) -> None:
    verdict = verdict_of(place, *EVAL, "--time-budget", "60")
    assert verdict["look"] >= 2
    run = Path(str(verdict["run"]))
    replayed.alter(run, status="interrupted", timings={"generate_s": 3000.0})
    verdict = verdict_of(place, "eval", "--resume", str(run))
    assert (verdict["kind"], verdict["look"]) == ("INCONCLUSIVE", 1)
    assert any("time budget of 60 min" in str(note) for note in verdict["notes"])


def test_plan_says_what_this_suite_holds_and_warns_before_a_hopeless_run(place: Path) -> None:
    arguments = ("--suite", "tiny", "--profile", "replay", "--trials", "20", "--baseline", "m")
    planned = verdict_of(place, "plan", *arguments, "--plot", "power.svg")
    assert planned["problems"] == 60
    assert planned["max_epochs"] == 4
    assert "<svg" in (place / "power.svg").read_text()
    gate = place / "configs" / "gates" / "tiny.yaml"
    gate.write_text(ROUNDS.replace("0.05", "0.01"))
    said = smallscale(place, *EVAL, "--max-epochs", "1").stderr
    assert "finer than this suite can hold" in said


def test_the_stored_baseline_keeps_its_levels(tmp_path: Path) -> None:
    done = smallscale(tmp_path, "calibrate", str(STORED), "--trials", "300", "--json", timeout=600)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["policy"] == "smoke"
    unchanged = value["scenarios"][0]
    assert unchanged["passed"]["high"] >= 0.99
    assert unchanged["regressed"]["low"] <= 0.01


PARTS = """\
name: tiny
margins: {accuracy: 0.2, tokens: null, truncation: null}
max_epochs: 2
looks_per_epoch: 4
"""


def test_looks_within_an_epoch_end_a_run_early_and_can_be_made_again(tmp_path: Path) -> None:
    replayed.make_configs(tmp_path, problems=400)
    (tmp_path / "configs" / "gates" / "tiny.yaml").write_text(PARTS)
    replayed.make_run(tmp_path, "base", epochs=8, wrong=0.1, seed=1)
    replayed.make_run(tmp_path, "close", epochs=2, wrong=0.1, seed=2)
    done = smallscale(tmp_path, "baseline", "record", "stored/base", "-m", "first", "--by", "Ada")
    assert done.returncode == 0, done.stderr
    verdict = verdict_of(tmp_path, *EVAL)
    assert (verdict["kind"], verdict["of"]) == ("PASS", 7)
    assert verdict["look"] < 3
    epochs = (verdict["look"] + 1) / 4  # the first look is after half an epoch
    assert verdict["accounting"]["planned"] == 400 * epochs
    assert verdict["accounting"]["unpaired"] == 0
    assert all(check["lost"] == 0 for check in verdict["checks"])
    (run,) = (tmp_path / "runs").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["epochs"] == epochs
    alone = verdict_of(tmp_path, "compare", str(run), "m", "--gate", "tiny")
    assert (alone["kind"], alone["accounting"]["unpaired"]) == ("PASS", 0)
    checked = smallscale(tmp_path, "verify", str(run))
    assert checked.returncode == 0, checked.stderr
    refused = smallscale(tmp_path, "baseline", "record", str(run), "-m", "a part", "--by", "Ada")
    assert refused.returncode != 0


def test_a_run_killed_within_parts_of_epochs_comes_to_the_same_looks(tmp_path: Path) -> None:
    """Killed before its first look, and within a quarter of its second epoch."""
    replayed.make_configs(tmp_path, problems=400)
    (tmp_path / "configs" / "gates" / "tiny.yaml").write_text(PARTS.replace("0.2", "0.04"))
    quick = replayed.SLOW.replace("max_in_flight: 4", "max_in_flight: 16").replace("200", "400")
    (tmp_path / "configs" / "engines" / "slow.yaml").write_text(quick)
    replayed.make_run(tmp_path, "base", epochs=8, wrong=0.1, seed=1)
    replayed.make_run(tmp_path, "close", epochs=2, wrong=0.12, seed=5)
    done = smallscale(tmp_path, "baseline", "record", "stored/base", "-m", "first", "--by", "Ada")
    assert done.returncode == 0, done.stderr
    calm = verdict_of(tmp_path, *EVAL, "--runs", str(tmp_path / "calm"))
    planned = calm["accounting"]["planned"]
    assert 400 < planned < 800, "this needs a run that ends within its second epoch"
    runs = tmp_path / "killed"
    slow = ("--profile", "slow", "--baseline", "tiny/replay/m", "--runs", runs)
    host = replayed.start(tmp_path, *EVAL[:4], *slow)
    replayed.wait_for(lambda: list(runs.glob("*/work/out")), "the run folder")
    (run,) = runs.iterdir()
    for moment in (100, planned - 50):
        _wait_for_samples(run, moment)
        assert host.poll() is None
        for worker in replayed.workers_of(host.pid):
            replayed.kill(worker)
        host.kill()
        host.communicate()
        assert moment <= replayed.lines_out(run) < planned
        host = replayed.start(tmp_path, "eval", "--resume", run)
    _, err = host.communicate(timeout=120)
    assert host.returncode in {0, 1, 5}, err
    resumed = json.loads((run / "verdict.json").read_text())
    for key in ("kind", "look", "of", "ends", "accounting", "checks"):
        assert resumed[key] == calm[key], key
    assert replayed.answers(run) == replayed.answers(Path(str(calm["run"])))
    assert smallscale(tmp_path, "verify", str(run)).returncode == 0


def _wait_for_samples(run: Path, number: int) -> None:
    replayed.wait_for(lambda: replayed.lines_out(run) >= number, f"{number} samples")
