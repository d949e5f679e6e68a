"""From a checkpoint to a candidate that thinks shorter, and a verdict on it against its parent.

sample → pairs → train → parent → verdict: each step leaves its files in the candidate's folder, is
skipped if it is complete, and is also a command of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import smallscale_ci
from smallscale_ci.candidate.folder import PAIRS, SAMPLE, TRAIN, VERDICT
from smallscale_ci.candidate.prepare import Loop
from smallscale_ci.candidate.record import (
    CandidateRecord,
    Judged,
    Lineage,
    Parent,
    Preferred,
    Sampled,
    Trained,
    values,
)
from smallscale_ci.candidate.steps import LoopObserver, stored_verdict
from smallscale_ci.config.seams import STEPS, imported
from smallscale_ci.errors import DataError, InvalidError, RunInterruptedError
from smallscale_ci.pairs.record import read as read_pairs
from smallscale_ci.pipeline.compare import Evaluation, verdict_value
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import SuiteId
from smallscale_ci.train.runner import Wanted, runner_for


def begin(loop: Loop) -> None:
    """Record what the candidate is made of in its folder, or compare it with what is there.

    Raises ``InvalidError`` when model, recipe or data have changed since the folder was started.
    """
    record = CandidateRecord(
        id=loop.folder.path.name,
        created=loop.settings.now().isoformat(timespec="seconds"),
        package=smallscale_ci.__version__,
        parent=_public(loop.parent),
        recipe=loop.recipe.model_dump(mode="json"),
        train_suite=SuiteId(loop.suite.name, loop.suite.hash),
        eval_suite=SuiteId(loop.parent.suite.name, loop.parent.suite.hash),
        request=loop.request,
        steps=loop.made,
    )
    if not loop.folder.exists():
        loop.folder.begin(record)
        return
    before = loop.folder.read()
    changed = [
        name.replace("_", " ")
        for name in ("parent", "recipe", "train_suite", "eval_suite")
        if getattr(before, name) != getattr(record, name)
    ]
    if changed:
        raise InvalidError(
            f"The {' and the '.join(changed)} changed since {loop.folder.path} was started.",
            "Restore it, or start a new candidate with another --out.",
        )


def run(
    loop: Loop, wanted: Wanted, observer: LoopObserver, steps: Sequence[str] = tuple(STEPS)
) -> Evaluation | None:
    """Do what remains of ``steps``, in their order; ``wanted`` is where to train.

    Returns the evaluation of the candidate, ``None`` if it was not reached. Raises
    ``RunInterruptedError`` with the command that resumes, the errors of the steps, and, before
    anything is done, the error of a missing training environment.
    """
    folder, now = loop.folder, loop.settings.now
    if TRAIN in steps and not (folder.exists() and folder.is_complete(TRAIN)):
        # Do not spend GPU time on answers if nothing could be trained on them.
        runner_for(loop.recipe, wanted, loop.settings, run_id=folder.path.name, say=observer.say)
    begin(loop)
    result: Evaluation | None = None
    for step in steps:
        if folder.is_complete(step):
            observer.say(f"{step}: complete, skipped")
            continue
        observer.say(f"{step}: {folder.of(step)}")
        began = now()
        try:
            done, result = imported(STEPS[step].do)(loop, wanted, observer)
        except (RunInterruptedError, KeyboardInterrupt) as error:
            told = error.message if isinstance(error, RunInterruptedError) else "Interrupted."
            raise RunInterruptedError(
                f"Step '{step}' was ended: {told}",
                f"Resume with: smallscale candidate --resume {quote(str(folder.path))}",
            ) from error
        if result is not None and result.run is None:
            return result  # refused before it started: there is nothing to keep
        seconds = round((now() - began).total_seconds(), 1)
        ended = now().isoformat(timespec="seconds")
        folder.complete(step, done, ended=ended, seconds=seconds)
        if step == TRAIN:
            _write_lineage(loop)
    if result is not None:
        _write_lineage(loop, result)
    elif VERDICT in steps:
        result = stored_verdict(loop)
        lineage = folder.read().lineage
        if lineage is None or lineage.verdict is None:  # it was killed at the very end
            _write_lineage(loop, result)
    return result


def _write_lineage(loop: Loop, evaluation: Evaluation | None = None) -> None:
    """Write the whole lineage to the record, and beside the weights to travel with them."""
    record = loop.folder.read()
    sample, trained = record.steps[SAMPLE], record.steps[TRAIN]
    source = RunFolder(loop.folder.sampled(record))
    pairs = read_pairs(loop.folder.of(PAIRS))
    if trained.training is None:
        hint = "Restore the folder, or start a new candidate."
        raise DataError(f"{loop.folder.path} is damaged: its step 'train' lacks training.", hint)
    verdict = None
    if evaluation is not None:
        told = verdict_value(evaluation.verdict)
        verdict = Judged(
            record.eval_suite,
            evaluation.verdict.kind,
            told["policy"],
            tuple(told["reasons"]),
            tuple(told["checks"]),
        )
    lineage = Lineage(
        name=loop.name,
        candidate=record.id,
        package=record.package,
        parent=record.parent,
        recipe=loop.recipe.name,
        sample=Sampled(source.read_manifest().run_id, sample.made, record.train_suite),
        pairs=Preferred(pairs.sha256, pairs.policy, pairs.counts),
        train=Trained(**values(trained.training), weights_hash=trained.made),
        verdict=verdict,
    )
    loop.folder.note(lineage)


def _public(plan: Plan) -> Parent:
    """The parent's identity without this machine's paths."""
    found = plan.checkpoint
    is_path = Path(found.source).is_absolute()
    return Parent(
        found.name,
        Path(found.source).name if is_path else found.source,
        found.config_hash,
        found.tokenizer_hash,
        found.template_hash,
        found.weights_hash,
    )
