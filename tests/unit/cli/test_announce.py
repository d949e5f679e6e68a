"""What a run is about to do, as lines."""

import json
from dataclasses import replace

import pytest
from helpers import replayed

from smallscale_ci.cli.announce import announce, show_plans
from smallscale_ci.cli.command import Context
from smallscale_ci.cli.output import Output
from smallscale_ci.pipeline import prepare
from smallscale_ci.pipeline.request import Request


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("announce")
    replayed.make_configs(place, problems=6)
    replayed.record(replayed.make_run(place, "src"), place / "baselines")
    return place


def plan(place, **changes):
    asked = Request(str(place / "stored" / "src"), "tiny", "replay")
    return prepare.plan(replace(asked, **changes), replayed.settings(place), say=lambda _: None)


def lines(capsys, found):
    announce(Output(json=False, quiet=False), found)
    said = capsys.readouterr().err.splitlines()
    return {line.split(":")[0]: line.partition(":")[2].strip() for line in said}


def test_everything_that_decides_the_run_is_told(place, capsys):
    found = lines(capsys, plan(place))
    assert found["suite"] == "tiny, 6 problems, max_tokens 64, seed 0"
    assert found["engine"] == "profile replay: replay, local, 1 rank"
    assert found["policy"] == "tiny"
    assert found["expected"].startswith("1 epoch: 6 samples, about ")
    assert found["baseline"].startswith("m, recorded 2026-01-31 (today) by Ada (")
    assert found["baseline"].endswith(", by the model's name 'm'")
    assert found["run folder"].endswith("tiny-src-ab12")


def test_a_trial_of_one_problem_is_singular(place, capsys):
    found = lines(capsys, plan(place, limit=1, baseline="none"))
    assert found["suite"].startswith("tiny, 1 problem (--limit 1), ")
    assert found["expected"] == "1 epoch: 1 sample"
    assert "baseline" not in found
    assert "policy" not in found


def test_what_was_set_and_how_often_it_may_be_asked_again_is_told(place, capsys):
    asked = plan(place, gate="default", overrides=("sampling.max_tokens=9",))
    found = lines(capsys, asked)
    assert found["overrides"] == "sampling.max_tokens=9"
    assert "max_tokens 9," in found["suite"]
    assert found["expected"].startswith("1 epoch, up to 4 while inconclusive: ")


def test_a_dry_run_warns_of_what_cannot_be_held_and_programs_get_all_of_it(place, capsys):
    plans = [plan(place, gate="default")]
    show_plans(Context(json=False, quiet=False, verbose=False), plans)
    assert "warning: sums " in capsys.readouterr().err
    show_plans(Context(json=True, quiet=False, verbose=False), plans)
    value = json.loads(capsys.readouterr().out)
    assert value["baseline"]["name"] == "m"
    assert value["runtime"]["name"] == "local"
    assert value["config"]["suite"]["name"] == "tiny"
    assert value["warnings"]
