"""From a checkpoint to a candidate that thinks shorter, and a verdict on it against its parent.

sample → pairs → train → parent → verdict: each step leaves its files in the candidate's folder, is
skipped where it is complete, and is a command of its own as well.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

import smallscale_ci
from smallscale_ci.candidate.folder import PAIRS, SAMPLE, TRAIN, VERDICT
from smallscale_ci.candidate.prepare import Loop
from smallscale_ci.candidate.steps import LoopObserver, stored_verdict
from smallscale_ci.config.seams import STEPS, imported
from smallscale_ci.errors import InvalidError, RunInterruptedError
from smallscale_ci.files import write_json
from smallscale_ci.pairs import dataset
from smallscale_ci.pipeline.compare import Evaluation, verdict_value
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.train.prepare import Wanted, runner_for
from smallscale_ci.worker.train.export import LINEAGE


def begin(loop: Loop) -> None:
    """Write what the candidate is made of into its folder, or compare it with what is there.

    Raises ``InvalidError`` when model, recipe or data have changed since the folder was started.
    """
    made_of = {
        "parent": _public(loop.parent),
        "recipe": loop.recipe.model_dump(mode="json"),
        "train_suite": {"name": loop.suite.name, "hash": loop.suite.hash},
        "eval_suite": {"name": loop.parent.suite.name, "hash": loop.parent.suite.hash},
    }
    if loop.folder.exists():
        before = loop.folder.read()
        changed = [
            key.replace("_", " ") for key, value in made_of.items() if before.get(key) != value
        ]
        if changed:
            raise InvalidError(
                f"the {' and the '.join(changed)} changed since {loop.folder.path} was started.",
                "Restore what it was, or start a new candidate with another --out.",
            )
        return
    now, version = loop.settings.now().isoformat(timespec="seconds"), smallscale_ci.__version__
    about = {"id": loop.folder.path.name, "created": now, "package": version}
    loop.folder.begin(loop.request, {**about, **made_of})


def run(
    loop: Loop, wanted: Wanted, observer: LoopObserver, *, until: str = VERDICT
) -> Evaluation | None:
    """Do what is not done yet, up to and with the step ``until``; ``wanted`` is where to train.

    Returns the evaluation of the candidate, ``None`` where it was not reached. Raises
    ``RunInterruptedError`` with the command that goes on, the errors of the steps, and, before
    anything is done, those of an environment to train in that is not there.
    """
    folder, steps, now = loop.folder, [*STEPS][: [*STEPS].index(until) + 1], loop.settings.now
    if TRAIN in steps and not (folder.exists() and folder.is_complete(TRAIN)):
        # Answers are not paid for where nobody could be trained on them.
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
            about, result = imported(STEPS[step].do)(loop, wanted, observer)
        except (RunInterruptedError, KeyboardInterrupt) as error:
            told = error.message if isinstance(error, RunInterruptedError) else "interrupted."
            raise RunInterruptedError(
                f"step '{step}' was ended: {told}",
                f"Go on with: smallscale candidate --resume {quote(str(folder.path))}",
            ) from error
        if result is not None and result.run is None:
            return result  # refused before it began: there is nothing to keep
        seconds = round((now() - began).total_seconds(), 1)
        ended = now().isoformat(timespec="seconds")
        folder.complete(step, ended=ended, seconds=seconds, **about)
        if step == TRAIN:
            _write_lineage(loop)
    if result is not None:
        _write_lineage(loop, result)
    elif until == VERDICT:
        result = stored_verdict(loop)
        if "verdict" not in folder.read()["lineage"]:  # it was killed at the very end
            _write_lineage(loop, result)
    return result


def _write_lineage(loop: Loop, evaluation: Evaluation | None = None) -> None:
    """The whole lineage, in the record and beside the weights: it goes where the model goes."""
    record = loop.folder.read()
    steps, policy = record["steps"], loop.request.policy
    lineage: dict[str, Any] = {
        "schema_version": record["schema_version"],
        "name": loop.name,
        "candidate": record["id"],
        "package": record["package"],
        "parent": record["parent"],
        "recipe": loop.recipe.name,
        "sample": {
            "run_id": RunFolder(Path(steps[SAMPLE]["run"])).read_manifest().run_id,
            "judgements": steps[SAMPLE]["made"],
            "suite": record["train_suite"],
        },
        "pairs": {
            "sha256": dataset.read_record(loop.folder.of(PAIRS))["sha256"],
            "policy": policy.model_dump(mode="json"),
            "counts": steps[PAIRS]["counts"],
        },
        "train": {"weights_hash": steps[TRAIN]["made"], **steps[TRAIN]["training"]},
    }
    if evaluation is not None:
        told = verdict_value(evaluation.verdict)
        lineage["verdict"] = {
            "suite": record["eval_suite"],
            **{key: told[key] for key in ("kind", "policy", "reasons", "checks")},
        }
    write_json(loop.folder.model / LINEAGE, lineage)
    loop.folder.note(lineage=lineage)


def _public(plan: Plan) -> dict[str, str]:
    """The parent's identity without this machine's paths."""
    found = plan.checkpoint
    is_path = Path(found.source).is_absolute()
    return {
        "name": found.name,
        "source": Path(found.source).name if is_path else found.source,
        "config_hash": found.config_hash,
        "tokenizer_hash": found.tokenizer_hash,
        "template_hash": found.template_hash,
        "weights_hash": found.weights_hash,
    }
