"""A training from its start to its model, with a shell script in the place of the environment."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import checkpoints as folders
from helpers import training as shared

from smallscale_ci import files
from smallscale_ci.checkpoint.servable import inspect
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import EngineError, StorageError, UsageError
from smallscale_ci.train import record, session
from smallscale_ci.train.launch import LocalRunner
from smallscale_ci.train.llamafactory import Place
from smallscale_ci.train.preflight import Answer
from smallscale_ci.train.prepare import TrainPlan, plan
from smallscale_ci.train.session import TrainResult, train
from smallscale_ci.worker.train.entry import FAILED

RECIPE = TrainRecipe(name="r", objective="lcpo", learning_rate=2e-5, steps=8)
CONFIG = json.dumps({"num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 9}).encode()
STEP = '{"current_steps": %d, "total_steps": 8, "loss": 0.5, "total_tokens": 100, "time": %d}'
# What torchrun and LLaMA-Factory leave behind: a log, a whole checkpoint, weights; the export then
# makes the folder that is served.
TRAINS = f"""
case "$*" in
*" export "*) mkdir $OUT/model; cp $PARENT/* $OUT/model ;;
*)
  leader=${{*#*--leader }}; leader=${{leader%% *}}
  printf %s "${{leader#*=}}" > "${{leader%%=*}}"
  echo '{STEP % (4, 1)}' >> $OUT/checkpoints/trainer_log.jsonl
  echo 'loading the model'
  THEN
  echo '{STEP % (8, 2)}' >> $OUT/checkpoints/trainer_log.jsonl
  touch $OUT/checkpoints/model.safetensors ;;
esac
"""


class World:
    """A parent, pairs, a folder to train in, and what was said meanwhile."""

    def __init__(self, place: Path) -> None:
        model = folders.make(place / "parent", {**folders.FILES, "config.json": CONFIG})
        self.parent = inspect(model, "m", "org/m")
        self.pairs, self.out, self.place = shared.write_pairs(place / "pairs"), place / "out", place
        self.said: list[str] = []
        self.now = datetime(2026, 1, 31, tzinfo=UTC)

    def planned(self, *, resume: bool = False) -> TrainPlan:
        seen = Place(str(self.parent.path), str(self.pairs), str(self.out), ranks=1)
        return plan(RECIPE, self.parent, self.pairs, self.out, None, resume=resume, place=seen)

    def train(self, then: str = ":", *, resume: bool = False) -> TrainResult | None:
        """A training that does ``then`` after its fourth step; it takes a minute."""
        python = self.place / "python"
        text = f"#!/bin/sh\nOUT={self.out} PARENT={self.parent.path}\n{TRAINS}"
        python.write_text(text.replace("THEN", then))
        python.chmod(0o755)
        runner = LocalRunner(python, {"PATH": "/usr/bin:/bin"}, ranks=1, nodes=1, gpus=())
        watcher = SimpleNamespace(
            say=self.said.append, training=lambda seen: self.said.append(f"step {seen.point.step}")
        )
        return train(replace(self.planned(resume=resume), runner=runner), watcher, self.clock)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=30)
        return self.now

    @property
    def status(self) -> str:
        return record.read(self.out).status.value


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(session, "_POLL_S", 0.01)
    return World(tmp_path)


def test_a_training_ends_with_a_model_and_its_lineage(world: World) -> None:
    found = world.train()
    assert found is not None
    assert (found.steps, found.first_loss, found.final_loss) == (8, 0.5, 0.5)
    assert inspect(found.model, "x", "x").weights_hash == world.parent.weights_hash
    told = record.read(world.out)
    assert told.status.value == "complete"
    assert (told.steps.planned, told.steps.done) == (8, 8)
    assert told.model is not None
    assert str(told.model.path) == "model"  # wherever the folder is moved
    assert [one["from"] for one in told.sessions] == ["parent"]
    assert not [*(world.out / "checkpoints").glob("*.safetensors")]  # they are in the model now
    assert (world.out / "train.log").read_text() == "loading the model\n"
    assert (world.out / "loss.svg").is_file()


@pytest.mark.parametrize(
    ("then", "error", "told"),
    [
        ("kill -9 $$", EngineError, r"Training was killed \(signal 9, SIGKILL\)"),
        ("exit 7", EngineError, "Training ended with code 7"),
        (
            f"""echo '{FAILED}{{"kind": "disk-full", "message": "E: no room"}}'; exit 1""",
            StorageError,
            "could not be written",
        ),
    ],
)
def test_one_that_breaks_is_failed_with_its_steps_and_can_be_resumed(
    world: World, then: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        world.train(then)
    seen = record.read(world.out)
    assert (seen.status.value, seen.steps.done, seen.model) == ("failed", 4, None)
    assert world.train(resume=True) is not None
    again = record.read(world.out)
    assert again.status.value == "complete"
    assert again.created == seen.created
    assert again.seconds > seen.seconds
    assert len(again.sessions) == 2


def test_an_export_that_fails_keeps_the_checkpoints(world: World) -> None:
    """The costly part is done: what comes after it can be tried again."""
    with pytest.raises(EngineError):
        world.train("touch $OUT/model")  # a file where the folder goes
    assert world.status == "failed"
    assert (world.out / "checkpoints" / "model.safetensors").is_file()


def test_two_trainings_never_share_a_folder(world: World) -> None:
    world.out.mkdir()
    held = files.lock(world.out / ".lock")
    assert held is not None
    with pytest.raises(UsageError, match="Another process trains in"):
        world.train()
    assert not (world.out / "train.json").exists()


def test_without_an_environment_nothing_is_begun(world: World) -> None:
    watcher = SimpleNamespace(say=world.said.append, training=world.said.append)
    with pytest.raises(EngineError, match="no environment to train in") as caught:
        train(world.planned(), watcher, world.clock)
    assert "engine install" in caught.value.hint
    assert not (world.out / "train.json").exists()


def test_a_checkpoint_that_was_cut_off_is_removed_before_it_goes_on(world: World) -> None:
    with pytest.raises(EngineError):
        world.train("mkdir $OUT/checkpoints/checkpoint-4; exit 1")
    world.train(resume=True)
    assert "checkpoint-4 was cut off while it was saved, and was removed" in world.said
    assert not (world.out / "checkpoints" / "checkpoint-4").exists()


def test_pairs_that_are_lost_are_told_before_the_training_starts(world: World) -> None:
    runner = LocalRunner(Path(sys.executable), {}, ranks=1, nodes=1, gpus=())  # it has no torch
    answer = Answer(versions={}, gpus=0, unknown={}, invalid="", dropped=1, cut=2)
    said: list[str] = []
    watcher = SimpleNamespace(say=said.append, training=said.append)
    with pytest.raises(EngineError, match="Training ended with code 1"):
        train(replace(world.planned(), runner=runner, answer=answer), watcher, world.clock)
    started = next(at for at, text in enumerate(said) if "loading the model" in text)
    assert "16 pairs, of which 2 are cut at 2,300 tokens and 1 dropped" in said[:started]
    assert world.status == "failed"
