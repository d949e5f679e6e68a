"""Planning a training: everything that can be checked is checked before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config import folders, load
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.files import storage_errors
from smallscale_ci.pairs import screen
from smallscale_ci.pairs.record import PAIRS, PairsRecord, Screening
from smallscale_ci.pairs.record import read as read_pairs
from smallscale_ci.run.manifest import COMPLETE, RUNNING
from smallscale_ci.train import checkpoints, estimate, llamafactory, record
from smallscale_ci.train.estimate import Memory
from smallscale_ci.train.launch import Runner
from smallscale_ci.train.llamafactory import CHECKPOINTS, Place
from smallscale_ci.train.preflight import Answer, ask
from smallscale_ci.train.record import MANIFEST

RECIPE, LOG, CURVE, MODEL = "recipe.yaml", "train.log", "loss.svg", "model"
_BEFORE = {"settings", "cache", RECIPE}  # files left in its folder by a training that never started


@dataclass(frozen=True, eq=False)
class TrainPlan:
    """A training that can start. ``answer`` is ``None`` if no environment could be asked."""

    recipe: TrainRecipe
    parent: Checkpoint
    pairs: Path
    record: PairsRecord
    out: Path
    runner: Runner | None
    place: Place
    settings: Mapping[str, Any]
    deepspeed: Mapping[str, Any] | None
    count: int  # pairs
    steps: int
    memory: Memory
    answer: Answer | None
    screening: Screening  # in LLaMA-Factory's tokens, or in the engine's if it was not asked
    torchrun: tuple[str, ...] = ()
    resumes: Path | None = None  # the checkpoint to resume from
    began: bool = False  # whether the folder holds an earlier part of this training


def plan(
    recipe: TrainRecipe,
    parent: Checkpoint,
    pairs: Path,
    out: Path,
    runner: Runner | None,
    *,
    torchrun_options: Sequence[str] = (),
    resume: bool = False,
    place: Place | None = None,
) -> TrainPlan:
    """Check everything before anything is trained; writes only the requests for checks.

    Without ``runner``, ``place`` describes the machine to plan for, and LLaMA-Factory is not
    asked. Raises ``UsageError`` for settings that it refuses, a template other than the
    checkpoint's, or too many pairs that it would cut; ``DataError`` for damaged pairs.
    """
    made = read_pairs(pairs)
    if runner is not None:
        place = runner.place(parent.path, pairs, out)
    if place is None:
        place = Place(str(parent.path), str(pairs), str(out), ranks=1)
    resume = resume or (place.nodes > 1 and _runs(out))  # another node has started the training
    if resume:
        parent = _refuse_other(out, recipe, parent, made)
    else:
        _refuse_full(out)
    last = checkpoints.newest_whole(out / CHECKPOINTS) if resume else None
    if last is not None:
        _refuse_other_ranks(out, recipe, place)
    seen = f"{place.out}/{CHECKPOINTS}/{last.name}" if last else None
    settings = llamafactory.render(recipe, place, seen)
    stage = llamafactory.deepspeed_stage(recipe, place)
    with (pairs / PAIRS).open("rb") as lines:
        count = sum(1 for line in lines if line.strip())
    answer = None if runner is None else _answer(runner, place, settings, out)
    if answer is not None:
        answer.refuse(recipe, count)
        screening = Screening(count, answer.dropped, answer.cut, recipe.cutoff_len, answer.longest)
    else:
        supervised = recipe.objective == "sft"
        screening = screen.screen(pairs, recipe.cutoff_len, supervised=supervised)
        screen.refuse_lost(screening, recipe.max_cut)
    needs = estimate.memory(recipe, estimate.size(parent.path), place, screening.longest)
    return TrainPlan(
        recipe=recipe,
        parent=parent,
        pairs=pairs,
        record=made,
        out=out,
        runner=runner,
        place=place,
        settings=settings,
        deepspeed=llamafactory.deepspeed(recipe, stage) if stage else None,
        count=count,
        steps=estimate.steps(recipe, count),
        memory=needs,
        answer=answer,
        screening=screening,
        torchrun=tuple(torchrun_options),
        resumes=last,
        began=resume,
    )


def _answer(runner: Runner, place: Place, settings: Mapping[str, Any], out: Path) -> Answer:
    """LLaMA-Factory's answer on the settings. Raises ``EngineError`` if it lacks its GPU."""
    with writing(out):
        answer = ask(runner, place, settings, out)
    if place.gpu and not answer.gpus:
        raise EngineError(
            "The training environment does not see a GPU.",
            "Name a Python with a CUDA build of torch with --train-python, or train without: "
            "--gpus none.",
        )
    return answer


def resumed_recipe(out: Path) -> tuple[TrainRecipe, str, Path, int]:
    """Recipe, parent (as it was named), pairs and ranks per node of the training in ``out``.

    Raises ``UsageError`` if there is none or it is complete.
    """
    if not (out / MANIFEST).is_file():
        raise UsageError(
            f"{out} holds no training: it has no {MANIFEST}.",
            "Give the folder that `smallscale train` wrote.",
        )
    known = record.read(out)
    if known.status is COMPLETE:
        raise UsageError(
            f"The training in {out} is complete: there is nothing to resume.",
            f"Its model is in {out / MODEL}.",
        )
    recipe = load.parse(TrainRecipe, folders.read_text(out / RECIPE), str(out / RECIPE))
    return recipe, str(known.parent.path), Path(known.pairs.path), known.world.ranks


def _runs(out: Path) -> bool:
    """Whether a training in ``out`` is still marked as running."""
    return (out / MANIFEST).is_file() and record.read(out).status is RUNNING


def _refuse_full(out: Path) -> None:
    found = {path.name for path in out.iterdir()} if out.exists() else set()
    if {name for name in found if not name.startswith(".")} - _BEFORE:
        hint = f"Choose another --out, or continue with --resume {quote(str(out))}."
        raise UsageError(f"The folder {out} is not empty.", hint)


def _refuse_other(
    out: Path, recipe: TrainRecipe, parent: Checkpoint, pairs: PairsRecord
) -> Checkpoint:
    """``parent``, under its name from the start of the training; refuses another training."""
    known = record.read(out)
    changed = [
        name
        for name, before, after in (
            ("checkpoint", known.parent.weights_hash, parent.weights_hash),
            ("pairs", known.pairs.sha256, pairs.sha256),
            ("recipe", known.recipe, recipe.model_dump(mode="json")),
        )
        if before != after
    ]
    if changed:
        raise UsageError(
            f"The {' and the '.join(changed)} changed since {out} was started.",
            "Start a new training in another folder, without --resume.",
        )
    return replace(parent, name=known.parent.name, source=known.parent.source)


def _refuse_other_ranks(out: Path, recipe: TrainRecipe, place: Place) -> None:
    """Refuse another number of ranks: with DeepSpeed each rank saves only its part of the state."""
    world = record.read(out).world
    before = Place("", "", "", world.ranks, world.nodes, world.gpu)
    sharded = any(llamafactory.deepspeed_stage(recipe, where) for where in (before, place))
    if sharded and before.world != place.world:
        raise UsageError(
            f"The checkpoints in {out} were saved by {before.world} ranks with DeepSpeed, and "
            f"{place.world} cannot resume from them.",
            f"Use {before.ranks} ranks on {before.nodes} node(s) again, or remove "
            f"{out / CHECKPOINTS} to train from the beginning.",
        )


def writing(out: Path) -> AbstractContextManager[None]:
    """Make errors of a full or read-only disk a ``StorageError`` that says how to resume."""
    hint = f"Free disk space, then continue with: smallscale train --resume {quote(str(out))}"
    return storage_errors(f"The folder {out}", hint)
