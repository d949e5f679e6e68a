"""``baseline`` as users type it: recorded, listed, shown and verified."""

import json
import shlex

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("my baselines")
    replayed.make_configs(place, problems=4)
    replayed.make_run(place, "src", epochs=2)
    return place / "with blank"


def call(place, *arguments):
    more = ("--baselines", str(place))
    return CliRunner().invoke(app, ["baseline", *map(str, arguments), *more])


def test_a_run_becomes_the_baseline_of_its_model_and_the_next_step_can_be_pasted(place):
    run = place.parent / "stored" / "src"
    done = call(place, "record", run, "-m", "first", "--by", "Ada")
    assert done.exit_code == 0, done.output
    made = place / "tiny" / "replay" / "m"
    assert f"recorded: {made}" in done.stdout
    command = done.stderr.strip().splitlines()[-1].partition("Commit it: ")[2]
    assert shlex.split(command)[:3] == ["git", "add", str(made)]
    listed = call(place, "list", "--json")
    assert "tiny/replay/m" in json.dumps(json.loads(listed.stdout))
    assert call(place, "verify").exit_code == 0
    assert "Ada" in call(place, "show", "m").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("record", "none", "-m", "x"), 2),
        (("show", "other"), 2),
        (("record", "{run}", "-m", "", "--by", "Ada"), 2),
    ],
)
def test_what_cannot_be_recorded_or_shown_is_told(place, arguments, code):
    run = place.parent / "stored" / "src"
    done = call(place, *(str(run) if one == "{run}" else one for one in arguments))
    assert done.exit_code == code
    assert "error: " in done.stderr
