"""Running a grid: the shared steps, every member, the choice, and its fresh evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from shlex import quote

from smallscale_ci.candidate import beside, loop
from smallscale_ci.candidate.folder import PAIRS, PARENT, SAMPLE, TRAIN, VERDICT
from smallscale_ci.candidate.grid import Grid, begin
from smallscale_ci.candidate.grid_record import Broken
from smallscale_ci.candidate.grid_report import report, rows_of
from smallscale_ci.candidate.members import Measured, choose, measured
from smallscale_ci.candidate.prepare import Loop
from smallscale_ci.candidate.steps import LoopObserver
from smallscale_ci.config.seams import STEPS
from smallscale_ci.errors import EngineError, RunInterruptedError, SmallscaleError, StorageError
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.report.grid import write
from smallscale_ci.train.runner import Wanted, runner_for

_SHARED = (SAMPLE, PAIRS, PARENT)


def run(
    grid: Grid, wanted: Wanted, observer: LoopObserver, steps: Sequence[str] = tuple(STEPS)
) -> Evaluation | None:
    """Do what remains: the shared steps, every member, the choice, the fresh evaluation.

    Returns the verdict on the chosen member by samples that played no part in the choice; ``None``
    if it was not reached. A member that fails does not stop the others. Raises
    ``RunInterruptedError`` with the command that resumes, ``EngineError`` if no member could be
    measured, and the errors of the shared steps.
    """
    if TRAIN in steps:
        named = grid.folder.path.name
        runner_for(grid.base.recipe, wanted, grid.base.settings, run_id=named, say=observer.say)
    begin(grid)
    try:
        loop.run(grid.base, wanted, observer, [step for step in steps if step in _SHARED])
        if TRAIN in steps:
            _run_members(grid, wanted, observer, steps)
        if VERDICT not in steps:
            return None
        chosen = _choose(grid, observer)
        evaluation = loop.run(_fresh(grid, chosen.name), wanted, observer)
    except RunInterruptedError as error:
        raise RunInterruptedError(
            error.message,
            f"Resume with: smallscale candidate --resume {quote(str(grid.folder.path))}",
        ) from error
    if evaluation is not None:
        write(grid.folder.report, report(grid, evaluation))
    return evaluation


def _run_members(grid: Grid, wanted: Wanted, observer: LoopObserver, steps: Sequence[str]) -> None:
    """Train and evaluate every member that is neither complete nor broken."""
    made = grid.base.folder.read().steps
    broken, due = grid.folder.broken(), {}
    for name, one in grid.members.items():
        if name in broken:
            observer.say(f"{name}: failed earlier: {broken[name].message}")
        else:
            due[name] = replace(one, made={step: made[step] for step in _SHARED if step in made})
    if grid.config.side_by_side > 1:
        for one in due.values():
            loop.begin(one)
        for name, why in beside.run(due, wanted, observer, steps[-1], grid.config.side_by_side):
            grid.folder.note(name, why)
        return
    for place, (name, one) in enumerate(due.items(), 1):
        observer.say(f"member {place} of {len(due)}: {name}")
        try:
            loop.run(one, wanted, observer, steps)
        except (RunInterruptedError, StorageError):
            raise
        except SmallscaleError as error:
            observer.say(f"{name} broke: {error.message}")
            grid.folder.note(name, Broken(error.message, error.hint))


def _choose(grid: Grid, observer: LoopObserver) -> Measured:
    """The best by the evaluation that all members share."""
    candidates = measured(*rows_of(grid))
    if not candidates:
        broken = grid.folder.broken()
        first = next((f"{name}: {why.message}" for name, why in broken.items()), "")
        raise EngineError(
            f"None of the {len(grid.members)} members could be compared with the parent. {first}",
            "Look at the reasons in grid.json; a member whose folder is removed is tried again.",
        )
    best = choose(candidates, grid.config.max_loss)
    grid.folder.choose(best.name)
    observer.say(f"chosen: {best.name}; now judged on samples that played no part in it")
    return best


def _fresh(grid: Grid, name: str) -> Loop:
    """The evaluation of the chosen member on new samples."""
    one, shared = grid.members[name], grid.base.folder.read().steps
    made = {step: shared[step] for step in (SAMPLE, PAIRS)}
    made[TRAIN] = one.folder.read().steps[TRAIN]
    again = grid.fresh.request
    request = replace(again, recipe=one.request.recipe, overrides=one.request.overrides)
    folder = grid.folder.fresh(name)
    return replace(grid.fresh, folder=folder, request=request, recipe=one.recipe, made=made)
