"""The names in ``--suite``, and the one exit code of several verdicts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from smallscale_ci.cli import suites
from smallscale_ci.config import folders
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import RunInterruptedError, UsageError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project in the working folder with the suites ``one`` and ``two``, and an odd file."""
    for name in ("configs/suites/one.yaml", "configs/suites/two.yaml", "my suite.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"name: {file.stem.replace(' ', '-')}\ntasks: []\n")
    monkeypatch.chdir(tmp_path)
    return Settings(
        roots=folders.default_roots(tmp_path), cache=tmp_path, environments=tmp_path, runs=tmp_path,
        baselines=tmp_path, environment={}, now=lambda: datetime(2026, 1, 31, tzinfo=UTC),
        nonce=lambda: "ab12",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, ("smoke",)),
        (["one"], ("one",)),
        (["one", "two"], ("one", "two")),
        (["one two"], ("one", "two")),  # make eval SUITE="one two"
        (["my suite.yaml"], ("my suite.yaml",)),
        (["my", "suite.yaml"], ("my suite.yaml",)),  # as the environment is split
        (["one", "my suite.yaml"], ("one", "my suite.yaml")),
        (["my other.yaml"], ("my other.yaml",)),  # not there: the error names it whole
        (["one", "nothing like it"], ("one", "nothing like it")),
    ],
)
def test_names_of_suites(settings: Settings, given: list[str] | None, found: tuple[str, ...]):
    assert suites.names(given, settings) == found


def test_a_suite_is_named_once(settings: Settings):
    with pytest.raises(UsageError, match="--suite names one twice"):
        suites.names(["one two", "one"], settings)


@pytest.mark.parametrize(
    ("codes", "code"),
    [((0, 0), 0), ((0, 5), 5), ((5, 4), 4), ((4, 5, 1), 1), ((1, 0), 1), ((4,), 4), ((5, 0, 5), 5)],
)
def test_one_exit_code_of_several_verdicts(codes: tuple[int, ...], code: int):
    assert suites.combined(codes) == code


class _Plan:
    """What ``ending`` asks of a plan."""

    def __init__(self, name: str) -> None:
        self.config = type("Config", (), {"suite": type("Suite", (), {"name": name})})


def test_an_end_between_two_suites_says_what_is_left():
    plans = [_Plan("one"), _Plan("two"), _Plan("three")]
    with (
        pytest.raises(RunInterruptedError, match=r"^Interrupted\. No verdict: two, three\.$"),
        suites.ending(plans, plans[1], "verdict"),
    ):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), suites.ending(plans[:1], plans[0], "verdict"):
        raise KeyboardInterrupt
