"""One option: its variable of the environment, and the names that complete it."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.cli import option
from smallscale_ci.config.rules import Rules
from smallscale_ci.errors import UsageError

RULES = Rules("main", "c" * 40, Path(), Path(), ())


@pytest.mark.parametrize(
    ("names", "variable"),
    [
        (("--suite", "-s"), "SMALLSCALE_SUITE"),
        (("-q", "--quiet"), "SMALLSCALE_QUIET"),
        (("--engine-python",), "SMALLSCALE_ENGINE_PYTHON"),
        (("--comment/--no-comment",), "SMALLSCALE_COMMENT"),
    ],
)
def test_a_variable_has_the_name_of_its_long_option(names, variable):
    assert option.option(*names, help="x").envvar == variable


def test_under_rules_no_variable_replaces_the_verdict(tmp_path):
    free = replayed.settings(tmp_path)
    given = replace(free, environment={"SMALLSCALE_LIMIT": "5"})
    option.refuse_variable("--limit", given)  # without rules it may
    option.refuse_variable("--limit", replace(free, rules=RULES))
    with pytest.raises(UsageError, match="SMALLSCALE_LIMIT is set") as caught:
        option.refuse_variable("--limit", replace(given, rules=RULES))
    assert caught.value.hint == "Unset it, or give --limit."


@pytest.fixture
def place(tmp_path, monkeypatch):
    replayed.make_configs(tmp_path, problems=3)
    replayed.record(replayed.make_run(tmp_path, "src"), tmp_path / "baselines")
    monkeypatch.chdir(tmp_path)
    for name in ("SMALLSCALE_CONFIGS", "SMALLSCALE_JUDGE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_names_of_the_project_and_of_the_package_complete_an_option(place):
    assert option.known("suite")("ti") == ["tiny"]
    assert option.known("engine")("slo") == ["slow"]
    assert "smoke" in option.known("suite")("")
    assert option.known("gate")("no such") == []


def test_baselines_complete_by_their_model_and_as_a_whole(place):
    assert option.baseline_names("") == ["auto", "m", "tiny/replay/m"]
    assert option.baseline_names("t") == ["tiny/replay/m"]
