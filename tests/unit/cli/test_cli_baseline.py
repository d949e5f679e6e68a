"""``baseline`` as users type it: recorded, listed, shown and verified."""

import json
import shlex
import shutil

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


def test_a_damaged_baseline_is_told_and_the_others_are_listed(place, tmp_path):
    run = place.parent / "stored" / "src"
    two = CliRunner().invoke(
        app, ["baseline", "record", str(run), "-m", "x", "--by", "A", "--baselines", str(tmp_path)]
    )
    assert two.exit_code == 0, two.output
    kept = tmp_path / "tiny" / "replay" / "m"
    shutil.copytree(kept, kept.with_name("damaged"))
    (kept.with_name("damaged") / "baseline.json").write_text("{")
    done = call(tmp_path, "list")
    assert done.exit_code == 2
    assert "tiny/replay/m" in done.stdout
    assert "damaged" not in done.stdout
    assert "damaged is damaged" in " ".join(done.stderr.split())
    told = call(tmp_path, "list", "--json")
    assert told.exit_code == 2
    assert "damaged" in json.loads(told.stdout)["error"]  # one JSON value, as ever


@pytest.mark.parametrize("arguments", [("list",), ("verify",), ("show", "m")])
def test_a_folder_of_baselines_that_does_not_exist_is_a_usage_error(tmp_path, arguments):
    done = call(tmp_path / "none", *arguments)
    assert done.exit_code == 2
    assert f"error: {tmp_path / 'none'} does not exist." in done.stderr
    assert "baseline record" in done.stderr


def test_no_baselines_are_listed_as_none_and_verified_by_no_one(tmp_path):
    done = call(tmp_path, "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"No baseline in {tmp_path} yet." in done.stderr
    assert json.loads(call(tmp_path, "list", "--json").stdout) == []
    done = call(tmp_path, "verify")
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"error: No baseline in {tmp_path}." in done.stderr
    assert "baseline record" in done.stderr


def test_the_folder_of_the_environment_is_made_by_the_first_baseline(tmp_path, monkeypatch):
    """The first use with SMALLSCALE_BASELINES was an error."""
    monkeypatch.setenv("SMALLSCALE_BASELINES", str(tmp_path / "new"))
    done = CliRunner().invoke(app, ["baseline", "list"])
    assert done.exit_code == 0, done.output
    assert f"No baseline in {tmp_path / 'new'} yet." in " ".join(done.stderr.split())
    assert call(tmp_path / "new", "list").exit_code == 2


def test_a_file_is_not_a_folder_of_baselines(tmp_path):
    (tmp_path / "file").touch()
    done = call(tmp_path / "file", "list")
    assert done.exit_code == 2
    assert f"{tmp_path / 'file'} is not a folder." in " ".join(done.stderr.split())
