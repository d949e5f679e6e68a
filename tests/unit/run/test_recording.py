"""A baseline is recorded whole, by a person, or not at all."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.errors import InvalidError, UsageError
from smallscale_ci.run import baselines, recording
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.run import read_run

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PLACE = Place("tiny", "replay", "m")
NAME = "tiny/replay/m"


class Killed(BaseException):
    """Stands for SIGKILL: nothing that would run afterwards does."""


def killed_at(step: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise before the ``step``-th change of a directory below ``root``, and let none happen later.

    What else this process changes meanwhile, in a thread that another test left, say, is not ours.
    """
    count = 0

    def counted(real):
        def call(*arguments, **options):
            nonlocal count
            ours = Path(arguments[0]).is_relative_to(root)
            count += ours
            if ours and count >= step:
                raise Killed
            return real(*arguments, **options)

        return call

    for owner, name in ((Path, "replace"), (Path, "mkdir"), (Path, "unlink"), (Path, "rmdir")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))


def test_killed_at_any_moment_there_is_a_baseline(stored, tmp_path, monkeypatch):
    """The old one or the new one, and nothing of either is lost: neither then nor afterwards."""
    one, two = (read_run(stored / name).samples for name in ("one", "two"))
    seen = set()
    for step in range(1, 60):
        root = tmp_path / str(step)
        replayed.record(stored / "one", root, "first", NOW)
        with monkeypatch.context() as patch:
            killed_at(step, root, patch)
            try:
                replayed.record(stored / "two", root, "second", NOW + timedelta(days=1))
            except Killed:
                ended = False
            else:
                ended = True
        found = baselines.resolve("auto", PLACE, root)
        assert len(found.samples) in {len(one), len(two)}
        reason = "first" if len(found.samples) == len(one) else "second"
        assert found.recorded.reason == reason
        assert baselines.verify(root) == []
        seen.add((ended, reason))
        replayed.record(stored / "two", root, "third", NOW + timedelta(days=2))
        kept = [
            baselines.load(root / NAME / "history" / name) for name in baselines.history(root, NAME)
        ]
        assert "first" in {one.recorded.reason for one in kept}
        assert baselines.verify(root) == []
        assert not list((root / NAME).glob(".*"))
        assert not list((root / NAME / "history").glob(".*"))
        if ended:
            break
    assert seen == {(False, "first"), (False, "second"), (True, "second")}


@pytest.mark.parametrize("name", ["", "  ", "root", "runner", "Nobody"])
def test_a_baseline_is_signed_by_a_person(stored, tmp_path, name):
    with pytest.raises(UsageError, match="name of a person") as caught:
        sign(stored, tmp_path, by=name)
    assert "--by" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_baseline_has_a_reason(stored, tmp_path):
    with pytest.raises(UsageError, match="needs a reason"):
        sign(stored, tmp_path, reason=" ")


def test_a_run_that_was_not_judged_is_no_baseline(stored, tmp_path):
    run = shutil.copytree(stored / "one", tmp_path / "run")
    replayed.alter(run, planned=17)  # of which 16 are there
    with pytest.raises(InvalidError, match="Only 16 of 17 planned samples"):
        replayed.record(run, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def sign(stored: Path, root: Path, by: str = "Ada", reason: str = "x") -> None:
    run = read_run(stored / "one")
    recording.record(run, root=root, now=NOW, by=by, reason=reason, min_judged=0.99)
