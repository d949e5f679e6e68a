"""How a session leaves its folder when it is interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import RunInterruptedError, StorageError
from smallscale_ci.files import Hashed
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.pipeline import evaluate, prepare
from smallscale_ci.pipeline.request import Request
from smallscale_ci.pipeline.session import session
from smallscale_ci.run import tables


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    replayed.make_configs(tmp_path, problems=6)
    return replayed.settings(tmp_path)


@pytest.fixture
def plan(tmp_path: Path, settings: Settings) -> prepare.Plan:
    replayed.make_run(tmp_path, "src", epochs=1)
    asked = Request(str(tmp_path / "stored" / "src"), "tiny", "replay", baseline="none")
    return prepare.plan(asked, settings, say=lambda text: None)


@contextmanager
def opened(plan: prepare.Plan) -> Iterator[None]:
    with (
        WorkFolder(plan.run.work) as folder,
        session(plan, folder, replayed.Nobody(), judging=True),
    ):
        yield


def test_what_an_earlier_session_left_stays_when_this_one_had_no_time(plan):
    run = plan.run
    with pytest.raises(RunInterruptedError), opened(plan):
        raise KeyboardInterrupt
    tables = (run.prompts, run.generations, run.judgements, run.summary)
    assert not any(path.exists() for path in tables)  # nothing was done, nothing is said
    for path in tables:
        path.write_text("of an earlier session")
    replayed.alter(run.path, planned=600, timings={"gpu_s": 9.0})
    with pytest.raises(RunInterruptedError), opened(plan):
        raise KeyboardInterrupt
    assert {path.read_text() for path in tables} == {"of an earlier session"}
    after = run.read_manifest()
    assert (after.status, after.planned) == ("interrupted", 600)
    assert after.timings.gpu_s == 9.0


def test_a_full_disk_leaves_the_configuration_that_the_run_is_resumed_by(plan, monkeypatch):
    with pytest.raises(RunInterruptedError), opened(plan):
        raise KeyboardInterrupt
    before = plan.run.read_config()
    more = plan.config.profile.model_copy(update={"ranks": 3})
    again = replace(plan, config=plan.config.model_copy(update={"profile": more}))
    written = Hashed.write

    def half(stream: Hashed, data: bytes) -> int:
        if "config" not in stream.name.name:
            return written(stream, data)
        written(stream, data[:40])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Hashed, "write", half)
    with pytest.raises(StorageError), opened(again):
        pass
    assert plan.run.read_config() == before


class Impatient(replayed.Nobody):
    """Raises ``error`` when it is told what the complete run cost."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def say(self, text: str) -> None:
        if " tokens" in text:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_happens_after_the_last_sample_takes_nothing_back(plan, settings, error):
    with pytest.raises((RunInterruptedError, StorageError)):
        evaluate.generate(plan, settings, Impatient(error), judging=True)
    assert plan.run.read_manifest().status == "complete"
    assert len(list(tables.generations(plan.run.generations))) == 6
    assert len(plan.run.read_samples()) == 6
