"""Training a candidate: follows torchrun to its end and makes a model that can be served.

OUT/recipe.yaml       the recipe, complete          OUT/loss.svg       its curves
OUT/train.json        lineage and status            OUT/train.log      what torchrun printed
OUT/settings/         LLaMA-Factory's settings      OUT/checkpoints/   complete ones, to resume from
OUT/model/            the candidate
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Protocol

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.checkpoint.servable import inspect
from smallscale_ci.config import load
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import EngineError, RunInterruptedError, UsageError
from smallscale_ci.files import json_text, lock, write_json, write_text
from smallscale_ci.ids import pretty_json, run_id
from smallscale_ci.run.manifest import COMPLETE, FAILED, INTERRUPTED, RUNNING, Status, package_state
from smallscale_ci.train import checkpoints, follow, llamafactory, plots, record
from smallscale_ci.train.failure import failure
from smallscale_ci.train.follow import Follower, Point, TrainProgress
from smallscale_ci.train.launch import LEADER, Started, torchrun
from smallscale_ci.train.llamafactory import CHECKPOINTS, DEEPSPEED, SETTINGS
from smallscale_ci.train.prepare import CURVE, LOG, MODEL, RECIPE, TrainPlan, plan, writing
from smallscale_ci.train.record import MANIFEST, Losses, PairsUsed, Steps, TrainRecord, World
from smallscale_ci.train.runner import Wanted, runner_for

_POLL_S = 0.5
_GRACE_S = 20.0
_OF_PAIRS = (
    *("sha256", "run_id", "suite", "suite_sha256", "policy", "counts", "template", "checkpoint"),
)


class Watcher(Protocol):
    """Watches a training."""

    def say(self, text: str) -> None:
        """Report that something slow starts or something odd happened."""
        ...

    def training(self, progress: TrainProgress) -> None:
        """Report another logged step."""
        ...


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The result of a training. ``model`` can be served; losses are of single steps."""

    model: Path
    steps: int
    first_loss: float
    final_loss: float
    manifest: Path


def train(
    planned: TrainPlan, watcher: Watcher, clock: Callable[[], datetime]
) -> TrainResult | None:
    """Run the training to its end. Returns ``None`` on nodes that did not start rank 0.

    Raises ``RunInterruptedError``, ``EngineError`` and ``StorageError``; complete checkpoints stay,
    and ``plan`` with ``resume`` resumes from the newest.
    """
    out = planned.out
    with writing(out), _alone(planned):
        session = _Session(planned, watcher, clock)
        try:
            session.begin()
            session.run()
            return session.finish() if session.leads() else None
        except KeyboardInterrupt as error:
            session.record(INTERRUPTED)
            raise RunInterruptedError(
                f"Interrupted after step {session.step} of {planned.steps}.",
                f"Resume with: smallscale train --resume {quote(str(out))}",
            ) from error
        except BaseException:
            with suppress(OSError):
                session.record(FAILED)
            raise


def train_on(
    recipe: TrainRecipe,
    parent: Checkpoint,
    pairs: Path,
    out: Path,
    wanted: Wanted,
    settings: Settings,
    watcher: Watcher,
) -> TrainResult | None:
    """Plan and train; resumes the same training if ``out`` has an earlier part of it.

    Raises the errors of ``runner_for``, ``plan`` and ``train``.
    """
    name = run_id(settings.now(), recipe.name, parent.name, settings.nonce())
    runner = runner_for(recipe, wanted, settings, run_id=name, say=watcher.say)
    watcher.say("asking LLaMA-Factory about the recipe and the pairs")
    resume = (out / MANIFEST).is_file()
    planned = plan(
        recipe, parent, pairs, out, runner, torchrun_options=wanted.torchrun, resume=resume
    )
    return train(planned, watcher, settings.now)


class _Session:
    """One start of a training, from its files on disk to its result."""

    def __init__(self, planned: TrainPlan, watcher: Watcher, clock: Callable[[], datetime]) -> None:
        if planned.runner is None:
            raise EngineError(
                "There is no environment to train in.", "Run `smallscale engine install train-cpu`."
            )
        self._plan, self._watcher, self._runner = planned, watcher, planned.runner
        self._out = planned.out
        self._word = f"{time.monotonic_ns()}"
        self._log = self._out / CHECKPOINTS / follow.LOG
        self._points: list[Point] = Follower(self._log).read()
        known = (self._out / MANIFEST).is_file()
        self._before = record.read(self._out) if known else None
        self._clock, self._began = clock, clock()

    @property
    def step(self) -> int:
        """The last step that was logged."""
        return self._points[-1].step if self._points else 0

    def leads(self) -> bool:
        """Whether rank 0 was started here: with several nodes, only one of them has it."""
        try:
            return (self._out / LEADER).read_text(encoding="utf-8") == self._word
        except OSError:
            return False

    def begin(self) -> None:
        """Write LLaMA-Factory's input, and mark the training as running."""
        planned, out = self._plan, self._out
        write_text(out / RECIPE, load.dump(planned.recipe), shared=True)
        self.record(RUNNING)
        (out / "settings").mkdir(exist_ok=True)
        (out / CHECKPOINTS).mkdir(exist_ok=True)
        if planned.place.nodes == 1:
            for name in checkpoints.discard_broken(out / CHECKPOINTS):
                self._watcher.say(f"{name} was cut off while it was saved, and was removed")
        write_text(out / SETTINGS, llamafactory.to_yaml(planned.settings), shared=True)
        if planned.deepspeed is not None:
            write_text(out / DEEPSPEED, pretty_json(planned.deepspeed), shared=True)
        if planned.answer is not None:
            self._watcher.say(
                f"{planned.count:,} pairs, of which {planned.answer.cut} are cut at "
                f"{planned.recipe.cutoff_len:,} tokens and {planned.answer.dropped} dropped"
            )
        if planned.resumes is not None:
            self._watcher.say(f"resuming from {planned.resumes.name}")

    def run(self) -> None:
        """Start torchrun and follow it to its end."""
        planned = self._plan
        command = torchrun(
            self._runner,
            planned.place,
            planned.recipe.objective,
            keep=planned.recipe.keep,
            word=self._word,
            options=planned.torchrun,
        )
        follower = Follower(self._log, skip=True)
        fresh: list[Point] = []
        self._watcher.say(f"training on {planned.place.world} rank(s): loading the model")
        started = self._runner.start(command, self._out, self._out / LOG)
        try:
            while (code := started.poll()) is None:
                self._take(follower, fresh)
                time.sleep(_POLL_S)
            self._take(follower, fresh)
        finally:
            started.stop(_GRACE_S)
        if code:
            raise failure(started.printed, code, self._out)

    def _take(self, follower: Follower, fresh: list[Point]) -> None:
        new = follower.read()
        if not new:
            return
        fresh += new
        self._points = follow.curve([*self._points, *new])
        known = follow.progress(fresh)
        if known is not None:
            self._watcher.training(known)
        with suppress(OSError):  # do not lose a training over a plot
            plots.write(self._points, self._out / CURVE)

    def finish(self) -> TrainResult:
        """Make the servable folder, and complete the manifest."""
        out, place = self._out, self._plan.place
        self._watcher.say("writing the candidate")
        request = out / "settings" / "export.json"
        asked = {
            "parent": place.model,
            "trained": f"{place.out}/{CHECKPOINTS}",
            "target": f"{place.out}/{MODEL}",
            "adapters": self._plan.recipe.tuning == "lora",
        }
        write_json(request, asked)
        command = [self._runner.python, self._runner.worker, "export"]
        command.append(f"{place.out}/settings/{request.name}")
        started = self._runner.start(command, out, out / LOG)
        code = _wait(started)
        if code:
            raise failure(started.printed, code, out)
        for path in (out / CHECKPOINTS).glob("*.safetensors*"):
            path.unlink()  # they are in the candidate now
        shutil.rmtree(out / "cache", ignore_errors=True)
        # The trainer writes the log in a thread, so it is complete only now.
        self._points = follow.curve(Follower(self._log).read()) or self._points
        plots.write(self._points, out / CURVE)
        self.record(COMPLETE)
        return TrainResult(
            model=out / MODEL,
            steps=self.step,
            first_loss=self._points[0].loss if self._points else float("nan"),
            final_loss=self._points[-1].loss if self._points else float("nan"),
            manifest=out / MANIFEST,
        )

    def record(self, status: Status) -> None:
        """Write ``train.json``."""
        if self._plan.place.nodes > 1 and not self.leads() and status != RUNNING:
            return  # the node with rank 0 writes it
        write_text(self._out / MANIFEST, json_text(self._record(status)), shared=True)

    def _record(self, status: Status) -> TrainRecord:
        planned, now, before = self._plan, self._clock(), self._before
        points, place = self._points, planned.place
        known = {key: getattr(planned.record, key) for key in _OF_PAIRS}
        model = None
        if status is COMPLETE:
            model = inspect(self._out / MODEL, planned.parent.name, MODEL)
            model = replace(model, path=Path(MODEL))
        return TrainRecord(
            status=status,
            created=before.created if before else self._began.isoformat(timespec="seconds"),
            updated=now.isoformat(timespec="seconds"),
            parent=planned.parent,
            pairs=PairsUsed(str(planned.pairs.resolve()), planned.count, **known),
            recipe=planned.recipe.model_dump(mode="json"),
            runtime={"name": self._runner.name, "image": self._runner.image},
            world=World(place.ranks, place.nodes, place.gpu),
            versions=dict(planned.answer.versions) if planned.answer else {},
            package=package_state(Path.cwd()),
            steps=Steps(planned.steps, self.step),
            seconds=(before.seconds if before else 0) + round((now - self._began).total_seconds()),
            sessions=(*(before.sessions if before else ()), self._session()),
            loss_curve=CURVE,
            loss=Losses(points[0].loss, points[-1].loss) if points else None,
            tokens=points[-1].tokens if points else None,
            model=model,
        )

    def _session(self) -> dict[str, str]:
        resumed = self._plan.resumes
        began = self._began.isoformat(timespec="seconds")
        return {"began": began, "from": resumed.name if resumed else "parent"}


def _wait(started: Started) -> int:
    try:
        while (code := started.poll()) is None:
            time.sleep(_POLL_S / 5)
    finally:
        started.stop(_GRACE_S)
    return code


@contextmanager
def _alone(planned: TrainPlan) -> Iterator[None]:
    """Lock the folder on this machine; several nodes share it on purpose."""
    planned.out.mkdir(parents=True, exist_ok=True)
    held = lock(planned.out / ".lock")
    if held is None and planned.place.nodes == 1:
        raise UsageError(f"Another process trains in {planned.out}.", "Wait for it, or end it.")
    try:
        yield
    finally:
        if held is not None:
            os.close(held)
