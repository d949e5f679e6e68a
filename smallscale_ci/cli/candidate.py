"""``candidate``: the whole loop from a checkpoint to one that thinks shorter, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import groups, options
from smallscale_ci.cli.candidate_options import Answers, Evaluation, Place, Training
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option, refuse_variable
from smallscale_ci.cli.train import Recipe
from smallscale_ci.config.seams import RUNTIMES, STEPS

if TYPE_CHECKING:
    from smallscale_ci.candidate.folder import CandidateFolder
    from smallscale_ci.candidate.grid_record import GridFolder
    from smallscale_ci.candidate.record import CandidateRequest
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.train.runner import Wanted


if TYPE_CHECKING:  # typer takes choices from an enumeration, and a table names these
    Step = str
else:
    Step = StrEnum("Step", {name.upper(): name for name in STEPS})


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    example = "smallscale candidate org/model --suite train --eval-suite test"
    command(app, "candidate", example)(candidate)


def candidate(
    context: Context,
    model: options.Model = None,
    recipe: Recipe = "lcpo",
    profile: options.Profile = "vllm-cpu",
    overrides: options.Set = None,
    until: Annotated[Step, option("--until", help="Stop after this step.")] = "verdict",
    dry_run: Annotated[
        bool,
        option("--dry-run", help="Show pairs, steps, memory and settings, and do nothing."),
    ] = False,
    *,
    answers: Answers,
    place: Place,
    evaluation: Evaluation,
    engine: groups.Engine,
    training: Training,
) -> int | None:
    """Train a checkpoint to think shorter, and judge the candidate.

    Samples answers, judges them, makes preference pairs, trains, evaluates parent and candidate on
    held-out problems. The exit code is the verdict's. With a grid as --recipe, several candidates
    are trained on the same answers, and the best is judged on samples that played no part in
    choosing it.
    """
    from smallscale_ci.candidate.grid_record import GridFolder
    from smallscale_ci.cli import grids
    from smallscale_ci.errors import UsageError

    folder = None if place.resume is None else _resumed(place.resume, evaluation.rules)
    request = folder.read().request if folder is not None else None
    rules = f"git:{request.rules}" if request is not None and request.rules else evaluation.rules
    settings = context.settings(
        engine_python=engine.engine_python, sandbox=engine.sandbox, rules=rules
    )
    if folder is None or request is None:
        request = _request(
            _model(model), recipe, profile, overrides, answers, evaluation, engine, training,
            settings,
        )  # fmt: skip
        folder = _folder(place.out, request, settings, context)
    steps = tuple(STEPS)[: [*STEPS].index(str(until)) + 1]
    for named, without in (("--dry-run", dry_run), ("--until", steps != tuple(STEPS))):
        if without:
            refuse_variable(named, settings)
    wanted = _wanted(request, training)
    if isinstance(folder, GridFolder):
        fresh = _fresh(folder, evaluation.fresh_suite)
        return grids.make(context, folder, request, fresh, settings, wanted, steps, dry_run=dry_run)
    if evaluation.fresh_suite:
        raise UsageError(
            f"--fresh-suite is for a grid, and {recipe} is one recipe.", "Leave it out."
        )
    return _made(context, folder, request, settings, wanted, steps, dry_run=dry_run)


def _request(
    model: str,
    recipe: str,
    profile: str,
    overrides: Sequence[str] | None,
    answers: Answers,
    evaluation: Evaluation,
    engine: groups.Engine,
    training: Training,
    settings: Settings,
) -> CandidateRequest:
    """The request for a new candidate; files by their full paths."""
    from smallscale_ci.candidate.record import CandidateRequest
    from smallscale_ci.cli.pairs import pair_policy
    from smallscale_ci.config import override

    changes = override.read(overrides or (), ("pairs", "recipe"))
    return CandidateRequest(
        model=model,
        recipe=_whole(recipe),
        train_suite=_whole(answers.suite),
        eval_suite=_whole(evaluation.eval_suite),
        gate=_whole(evaluation.gate) if evaluation.gate else None,
        profile=_whole(profile),
        samples=answers.samples,
        eval_epochs=evaluation.eval_epochs,
        policy=pair_policy(answers.pairs, changes["pairs"], settings.makers),
        overrides=tuple(change.text for change in changes["recipe"]),
        sample=str(answers.sample.resolve()) if answers.sample else "",
        train_ranks=training.train_ranks,
        rules=settings.rules.commit if settings.rules else "",
        **engine.request(),
    )


def _wanted(request: CandidateRequest, training: Training) -> Wanted:
    """Where to train. A runtime that can only generate, such as ray, leaves that open."""
    from smallscale_ci.train.runner import Wanted

    known = RUNTIMES.get(request.runtime or "")
    return Wanted(
        runtime=request.runtime if known is None or known.trains else None,
        ranks=request.train_ranks,
        gpus=request.gpus or None,
        python=training.train_python,
    )


def _made(
    context: Context,
    folder: CandidateFolder,
    request: CandidateRequest,
    settings: Settings,
    wanted: Wanted,
    steps: tuple[str, ...],
    *,
    dry_run: bool,
) -> int | None:
    """Make one candidate, or show the plan."""
    from smallscale_ci.candidate import loop, prepare
    from smallscale_ci.cli.candidates import Watcher, show, show_plan

    with context.out.watch() as display:
        planned = prepare.prepare(folder, request, settings, wanted, display.say)
        if dry_run:
            show_plan(context, prepare.planned(planned, wanted))
            return None
        display.say(f"candidate folder: {folder.path}")
        result = loop.run(planned, wanted, Watcher(context, display), steps)
    return show(context, folder, result)


def _resumed(path: Path, rules: str) -> CandidateFolder | GridFolder:
    """The folder to resume. Raises ``UsageError`` with ``rules``: it keeps those of its start."""
    from smallscale_ci.candidate.folder import CandidateFolder
    from smallscale_ci.candidate.grid_record import GridFolder
    from smallscale_ci.errors import UsageError

    if rules:
        raise UsageError(
            "--resume keeps the rules that the candidate started with, so --rules cannot be added.",
            "Leave out one of them.",
        )
    grid = GridFolder(path.resolve())
    return grid if grid.exists() else CandidateFolder.stored(path.resolve())


def _fresh(folder: GridFolder, suite: str | None) -> str:
    """The suite of the fresh evaluation: the one named now, or when the grid was started."""
    if suite is None and folder.exists():
        return folder.read().fresh_suite
    return _whole(suite) if suite else ""


def _model(model: str | None) -> str:
    """The checkpoint to start from; a folder by its full path."""
    from smallscale_ci.errors import UsageError

    if not model:
        raise UsageError(
            "Missing argument MODEL.",
            "Give an alias (smollm2), a checkpoint folder, or a hub id org/name[@revision].",
        )
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def _whole(name: str) -> str:
    """A name unchanged, a file by its full path: --resume may be run from another folder."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_file() else name


def _folder(
    out: Path | None, request: CandidateRequest, settings: Settings, context: Context
) -> CandidateFolder | GridFolder:
    """A new folder, or the one that ``out`` names if the same was started there."""
    from smallscale_ci.candidate.folder import CandidateFolder
    from smallscale_ci.candidate.grid import is_grid
    from smallscale_ci.candidate.grid_record import GridFolder
    from smallscale_ci.candidate.record import values
    from smallscale_ci.checkpoint.find import name_of
    from smallscale_ci.cli import places
    from smallscale_ci.errors import UsageError
    from smallscale_ci.ids import run_id

    kind = GridFolder if is_grid(request.recipe, settings.makers.roots) else CandidateFolder
    if out is None:
        recipe, model = Path(request.recipe).stem, name_of(request.model)
        name = run_id(settings.now(), recipe, model, settings.nonce())
        return kind(places.project(Path.cwd()) / "candidates" / name)
    folder, answers = kind(out.resolve()), quote(str(out / "sample"))
    if folder.exists() and request.rules:
        raise UsageError(
            f"{out} already holds a candidate, and with --rules no earlier results are used.",
            f"Name another folder; --sample {answers} takes the answers that are here.",
        )
    if folder.exists():
        before, after = values(folder.read().request), values(request)
        changed = [key for key in after if after[key] != before[key]]
        if changed:
            raise UsageError(
                f"{out} holds a candidate that was started with another {', '.join(changed)}.",
                f"Resume it: smallscale candidate --resume {quote(str(out))}, or name another "
                f"folder, where --sample {answers} takes the answers that are here.",
            )
        context.out.say("the same candidate was started here: resuming it")
    return folder
