"""What may be asked for under rules, and which policy judges it."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed
from helpers.repositories import git

from smallscale_ci.config import rules
from smallscale_ci.errors import UsageError
from smallscale_ci.pipeline.request import Request
from smallscale_ci.pipeline.ruled import held, policy_for

REQUEST = Request("m", "tiny", "slow")


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """Settings under the rules of a commit, whose working tree has added a suite and a profile."""
    place = tmp_path_factory.mktemp("ruled")
    replayed.make_configs(place, problems=3)
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "x")
    configs = place / "configs"
    (configs / "engines" / "added.yaml").write_text("name: added\nengine: vllm\n")
    (configs / "engines" / "forged.yaml").write_text("name: forged\nengine: replay\n")
    (configs / "gates" / "loose.yaml").write_text("name: loose\nmargins: {accuracy: 1}\n")
    suite = (configs / "suites" / "tiny.yaml").read_text()
    for name, gate in (("new", "tiny"), ("odd", "loose")):
        text = suite.replace("name: tiny", f"name: {name}", 1).replace(
            "gate: tiny", f"gate: {gate}"
        )
        (configs / "suites" / f"{name}.yaml").write_text(text)
    found = rules.read("git:main", place, ("configs/gates",), place.parent / "cache")
    package = Path(rules.__file__).parents[2] / "configs"
    roots = (found.files / "configs", package, configs)
    return replace(replayed.settings(place), rules=found, roots=roots, added=1)


def ask(ruled, **changes):
    said = []
    return held(replace(REQUEST, **changes), ruled, said.append), said


def test_without_rules_nothing_is_another(tmp_path):
    asked = replace(REQUEST, overrides=("a=b",), gate="anything")
    assert held(asked, replayed.settings(tmp_path), print) is asked


def test_names_are_as_they_are_and_the_baseline_is_of_the_commit(ruled):
    found, said = ask(ruled)
    assert (found.suite, found.profile, found.gate) == ("tiny", "slow", "tiny")
    assert found.baseline == f"git:{ruled.rules.commit}"
    assert said == []
    assert ask(ruled, baseline="none")[0].baseline == "none"
    assert ask(ruled, baseline="m")[0].baseline == f"git:{ruled.rules.commit}:m"


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"overrides": ("gate.alpha_pass=1",)}, "--set gate.alpha_pass=1 changes a rule", "--set"),
        ({"gate": "loose"}, "--gate loose: git:main has no such policy", "It has: "),
        ({"gate": "my.yaml"}, "has no such policy", "tiny"),
        ({"suite": "other/suite.yaml"}, "has no file other/suite.yaml", "configs/suites/"),
        ({"profile": "forged"}, "its engine, replay, loads no checkpoint", "a profile of the rul"),
    ],
)
def test_what_would_change_the_rules_is_refused(ruled, changes, message, hint):
    with pytest.raises(UsageError, match=message) as caught:
        ask(ruled, **changes)
    assert hint in caught.value.hint


def test_a_profile_that_was_added_is_used_and_told(ruled):
    found, said = ask(ruled, profile="added")
    assert found.profile == "added"
    assert said == ["rules: git:main has no profile 'added'; the one added here is used"]


@pytest.mark.parametrize(("suite", "policy"), [("new", "tiny"), ("odd", "default")])
def test_a_suite_that_was_added_is_judged_by_a_policy_of_the_rules(ruled, suite, policy):
    found, (said,) = ask(ruled, suite=suite)
    assert found.gate == policy
    assert f"it is judged by the policy '{policy}'" in said
    assert ("not by its own 'loose'" in said) == (suite == "odd")


def test_without_a_suite_the_default_policy_judges(ruled):
    assert policy_for(None, None, ruled, print) == "default"
