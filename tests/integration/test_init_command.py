"""``init``: what it writes, and what it says about it."""

import json

import pytest
from helpers import replayed


@pytest.fixture
def place(tmp_path):
    (tmp_path / "repository").mkdir()
    return tmp_path / "repository"


def test_the_policy_that_is_written_can_pass_and_that_is_said(place):
    done = replayed.smallscale(place, "init", "--json", "--repository", "me/gate")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["unchanged_passes"] >= 0.9
    assert "me/gate" in (place / ".github" / "workflows" / "smallscale.yml").read_text()


def test_where_smallscale_comes_from_may_be_told_later(place):
    first = replayed.smallscale(place, "init")
    if "Name it with --repository" in first.stderr:
        again = replayed.smallscale(place, "init", "--repository", "me/gate")
        assert "written: .github/workflows/smallscale.yml" in again.stdout
        assert "me/gate" in (place / ".github" / "workflows" / "smallscale.yml").read_text()
    assert "An unchanged model passes" in first.stdout


def test_a_policy_that_nothing_passes_is_said(place):
    (place / "configs" / "gates").mkdir(parents=True)
    (place / "configs" / "gates" / "mine.yaml").write_text(
        "name: mine\nmargins: {accuracy: 0.001, tokens: 0.001, truncation: 0.001}\nmax_epochs: 1\n"
    )
    done = replayed.smallscale(place, "init")
    assert "An unchanged model would pass only" in done.stderr
    assert "configs/gates/mine.yaml" in done.stderr


def test_a_repository_has_an_owner_and_a_name(place):
    done = replayed.smallscale(place, "init", "--repository", "smallscale-ci")
    assert done.returncode == 2
    assert list(place.iterdir()) == []
