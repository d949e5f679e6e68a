"""What each step of a candidate does (``config.seams.STEPS`` names them).

A step is a function of the loop, where to train, and an observer. It returns what the record says
about it, and the evaluation of the candidate if it makes one.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Protocol

from smallscale_ci.candidate import monitor
from smallscale_ci.candidate.folder import PAIRS, PARENT, SAMPLE, TRAIN, VERDICT
from smallscale_ci.candidate.prepare import Loop, status, verdict_plan
from smallscale_ci.candidate.record import Done, Training
from smallscale_ci.pairs import build
from smallscale_ci.pipeline import compare, evaluate
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.pipeline.session import Observer
from smallscale_ci.run import baselines
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import COMPLETE
from smallscale_ci.train.record import MANIFEST, read
from smallscale_ci.train.runner import Wanted
from smallscale_ci.train.session import Watcher, train_on

Did = tuple[Done, Evaluation | None]


class LoopObserver(Observer, Watcher, Protocol):
    """Watches the loop: its runs and its training."""


def sample(loop: Loop, wanted: Wanted, observer: LoopObserver) -> Did:
    """Sample the parent's answers to the training suite, or take those of the named run."""
    del wanted
    if loop.sample is not None:
        path = loop.folder.of(SAMPLE)
        if status(path) != COMPLETE:
            evaluate.generate(loop.sample, loop.settings, observer, judging=True)
        return Done(run=str(path)), None
    path = Path(loop.request.sample).resolve()
    manifest = RunFolder(path).read_manifest()
    if manifest.checkpoint.weights_hash != loop.parent.checkpoint.weights_hash:
        observer.say(
            f"warning: the answers in {path} are not of this checkpoint, but of "
            f"{manifest.checkpoint.name}: preferences work best on a model's own answers."
        )
    return Done(run=str(path), run_id=manifest.run_id), None


def pairs(loop: Loop, wanted: Wanted, observer: LoopObserver) -> Did:
    """Make preference pairs from the sampled answers."""
    del wanted
    source = RunFolder(loop.folder.sampled(loop.folder.read()))
    target = loop.folder.of(PAIRS)
    made = build.make(source, loop.suite, loop.request.policy, loop.check, target, observer.say)
    return Done(counts=made.record.counts, lengths=made.record.lengths), None


def train(loop: Loop, wanted: Wanted, observer: LoopObserver) -> Did:
    """Train the candidate on the pairs."""
    out = loop.folder.of(TRAIN)
    if not (out / MANIFEST).is_file() or read(out).status is not COMPLETE:
        train_on(
            loop.recipe,
            loop.parent.checkpoint,
            loop.folder.of(PAIRS),
            out,
            wanted,
            loop.settings,
            observer,
        )
    told = read(out)
    kept = {item.name: getattr(told, item.name) for item in fields(Training)}
    return Done(training=Training(**kept)), None


def parent(loop: Loop, wanted: Wanted, observer: LoopObserver) -> Did:
    """Run the parent on the evaluation suite: the baseline of the verdict."""
    del wanted
    if status(loop.folder.of(PARENT)) != COMPLETE:
        evaluate.generate(loop.parent, loop.settings, observer, judging=True)
    return Done(), None


def verdict(loop: Loop, wanted: Wanted, observer: LoopObserver) -> Did:
    """Evaluate the candidate against its parent."""
    del wanted
    run = RunFolder(loop.folder.of(VERDICT))
    if run.verdict.is_file():
        evaluation = compare.stored(run, loop.parent.suite, loop.settings)
    elif status(run.path) == COMPLETE:
        before = baselines.load(loop.folder.of(PARENT))
        evaluation = compare.decide_late(run, before, loop.parent.suite)
    else:
        plan = verdict_plan(loop, observer.say)
        before = baselines.load(loop.folder.of(PARENT))
        evaluation = evaluate.evaluate(plan, before, loop.settings, observer)
    evaluation = _watched(loop, evaluation)
    return Done(kind=evaluation.verdict.kind), evaluation


def stored_verdict(loop: Loop) -> Evaluation:
    """The verdict that was decided before."""
    run = RunFolder(loop.folder.of(VERDICT))
    return _watched(loop, compare.stored(run, loop.parent.suite, loop.settings))


def _watched(loop: Loop, evaluation: Evaluation) -> Evaluation:
    """``evaluation`` with what the policy's monitor says of it."""
    parent = RunFolder(loop.folder.of(PARENT))
    service = loop.settings.service
    return monitor.told(evaluation, loop.gate.monitor, loop.parent.suite, parent, service)
