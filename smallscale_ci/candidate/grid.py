"""Several candidates from one sample of answers, and a verdict on the best that is fair to it.

All members share answers, pairs and the parent's run. Who is best of several by one evaluation
looks better there than it is: the chosen one is therefore judged on samples that nobody was chosen
by, against its parent on the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Any

import smallscale_ci
from smallscale_ci.candidate import beside, loop
from smallscale_ci.candidate.folder import PAIRS, PARENT, SAMPLE, TRAIN, VERDICT
from smallscale_ci.candidate.grid_record import Broken, GridFolder, GridRecord
from smallscale_ci.candidate.members import Measured, Member, choose, front, measured, members
from smallscale_ci.candidate.prepare import Loop, prepare, recipe_of, training
from smallscale_ci.candidate.prepare import planned as prepared
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.candidate.steps import LoopObserver
from smallscale_ci.config import folders, load
from smallscale_ci.config.grid import GridConfig
from smallscale_ci.config.seams import STEPS
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import (
    EngineError,
    InvalidError,
    RunInterruptedError,
    SmallscaleError,
    StorageError,
    UsageError,
    did_you_mean,
)
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.report import history, stored
from smallscale_ci.report.grid import GridReport, GridRow, write
from smallscale_ci.report.interface import Beside
from smallscale_ci.train.prepare import Wanted, runner_for

_SHARED = (SAMPLE, PAIRS, PARENT)
# Added to the seed of a fresh evaluation on the same problems: the seeds of all samples differ.
_FRESH_SEED = 1_000_003


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid whose parts all exist, before any GPU is used."""

    folder: GridFolder
    record: GridRecord
    config: GridConfig
    base: Loop  # sample, pairs and parent; its recipe is the first member's
    fresh: Loop  # of the first member: the chosen one's once it is known
    members: Mapping[str, Loop] = field(default_factory=dict)

    @property
    def same_problems(self) -> bool:
        """Whether the fresh evaluation asks the problems of the choice again."""
        return self.fresh.parent.suite.hash == self.base.parent.suite.hash


def is_grid(named: str, roots: Sequence[Path]) -> bool:
    """Whether ``--recipe`` names a grid: no recipe has the name, or a file lists members.

    Raises ``ConfigError`` for a file that is not YAML, ``UsageError`` for an unknown name.
    """
    if folders.is_path(named):
        path = Path(named)
        held = load.read_value(folders.read_text(path), str(path)) if path.is_file() else None
        return isinstance(held, dict) and "members" in held
    grids, recipes = (folders.names(kind, roots) for kind in (GridConfig, TrainRecipe))
    if named not in grids and named not in recipes:
        raise UsageError(
            f"There is no train recipe or grid '{named}'{did_you_mean(named, grids + recipes)}.",
            f"Recipes: {', '.join(recipes)}; grids: {', '.join(grids)}. Your own go into "
            "configs/train/NAME.yaml and configs/grids/NAME.yaml; the path of a YAML file works, "
            "too.",
        )
    return named not in recipes


def plan(
    folder: GridFolder,
    request: CandidateRequest,
    fresh_suite: str,
    settings: Settings,
    wanted: Wanted,
    say: Callable[[str], None],
) -> Grid:
    """Resolve all names of all members; nothing is spent. Raises what ``prepare`` raises."""
    roots = settings.makers.roots
    config = load.load(GridConfig, request.recipe, roots)
    file = folders.find(GridConfig, request.recipe, roots).resolve()
    found = members(config, file, request.overrides)
    chosen = replace(request, once=True, eval_epochs=request.eval_epochs or 1)
    first = _request(chosen, found[0])
    base = prepare(folder.base, first, settings, wanted, say)
    again = replace(
        request,
        eval_suite=fresh_suite or request.eval_suite,
        seed=(base.parent.sampling.seed + _FRESH_SEED) % 2**31,
    )
    fresh = prepare(folder.fresh(found[0].name), _request(again, found[0]), settings, wanted, say)
    sides = ({one.id for one in plan.suite.problems} for plan in (base.parent, fresh.parent))
    both = len(set.intersection(*sides))
    if fresh_suite and both:
        say(f"warning: members are chosen by {both:,} of the problems of {fresh.parent.suite.name}")
    # Pairs are kept apart from both evaluations.
    evaluation = {**base.check.evaluation, **fresh.check.evaluation}
    base = replace(base, check=replace(base.check, evaluation=evaluation))
    record = GridRecord(
        id=folder.path.name,
        created=settings.now().isoformat(timespec="seconds"),
        package=smallscale_ci.__version__,
        grid=config.model_dump(mode="json"),
        file=str(file),
        request=request,
        fresh_suite=fresh_suite,
    )
    shares = beside.shares(wanted, config.side_by_side, settings.environment)
    loops = {}
    for place, member in enumerate(found):
        asked = replace(
            _request(chosen, member),
            sample=request.sample or str(folder.base.of(SAMPLE)),
            gpus=shares[place % len(shares)],
        )
        recipe = recipe_of(asked, settings)
        check = replace(base.check, supervised=recipe.objective == "sft")
        own = folder.member(member.name)
        loops[member.name] = replace(
            base, folder=own, request=asked, recipe=recipe, check=check, sample=None
        )
    return Grid(folder, record, config, base, fresh, loops)


def _request(request: CandidateRequest, member: Member) -> CandidateRequest:
    return replace(request, recipe=member.recipe, overrides=member.overrides)


def begin(grid: Grid) -> None:
    """Write what the grid is made of, or compare it with what was started in its folder.

    Raises ``InvalidError`` when grid or evaluation have changed since.
    """
    if not grid.folder.exists():
        grid.folder.write(grid.record)
        return
    before = grid.folder.read()
    if (before.grid, before.fresh_suite) != (grid.record.grid, grid.record.fresh_suite):
        raise InvalidError(
            f"the grid changed since {grid.folder.path} was started.",
            f"Restore {before.file}, or start a new grid with another --out.",
        )


def run(
    grid: Grid, wanted: Wanted, observer: LoopObserver, steps: Sequence[str] = tuple(STEPS)
) -> Evaluation | None:
    """Do what is not done yet: the shared steps, every member, the choice, the fresh evaluation.

    Returns the verdict on the chosen member by samples that nobody was chosen by; ``None`` where it
    was not reached. A member that breaks costs itself only. Raises ``RunInterruptedError`` with the
    command that resumes, ``EngineError`` where no member could be measured, and the errors of the
    shared steps.
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
            f"Go on with: smallscale candidate --resume {quote(str(grid.folder.path))}",
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
            observer.say(f"{name}: broke before: {broken[name].message}")
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
    candidates = measured(*_rows(grid))
    if not candidates:
        broken = grid.folder.broken()
        first = next((f"{name}: {why.message}" for name, why in broken.items()), "")
        raise EngineError(
            f"none of the {len(grid.members)} members could be compared with the parent. {first}",
            "Look at the reasons in grid.json; a member whose folder is removed is tried again.",
        )
    best = choose(candidates, grid.config.max_loss)
    grid.folder.choose(best.name)
    observer.say(f"chosen: {best.name}; it is judged on samples that nobody was chosen by")
    return best


def _rows(grid: Grid) -> tuple[tuple[Beside, ...], dict[str, str]]:
    """The parent and every measured member side by side, and which member each run is of."""
    runs, names = [stored.read(grid.base.folder.of(PARENT))], {}
    for name, one in grid.members.items():
        if one.folder.exists() and one.folder.is_complete(VERDICT):
            found = stored.read(one.folder.of(VERDICT))
            runs.append(found)
            names[found.run_id] = name
    return history.side_by_side(runs), names


def _fresh(grid: Grid, name: str) -> Loop:
    """The evaluation of the chosen member on new samples."""
    one, shared = grid.members[name], grid.base.folder.read().steps
    made = {step: shared[step] for step in (SAMPLE, PAIRS)}
    made[TRAIN] = one.folder.read().steps[TRAIN]
    again = grid.fresh.request
    request = replace(again, recipe=one.request.recipe, overrides=one.request.overrides)
    folder = grid.folder.fresh(name)
    return replace(grid.fresh, folder=folder, request=request, recipe=one.recipe, made=made)


def report(grid: Grid, evaluation: Evaluation) -> GridReport:
    """All that is said about a grid."""
    rows, names = _rows(grid)
    on_front, broken = front(measured(rows, names)), grid.folder.broken()
    run_of = {name: run_id for run_id, name in names.items()}
    told = []
    for name, one in grid.members.items():
        steps = one.folder.read().steps if one.folder.exists() else {}
        training = steps[TRAIN].training if TRAIN in steps else None
        told.append(
            GridRow(
                name,
                one.recipe.objective,
                one.recipe.learning_rate,
                one.recipe.seed,
                tuple(row for row in rows if row.run_id == run_of.get(name)),
                on_front=name in on_front,
                broken=broken[name].message if name in broken else "",
                seconds=training.seconds if training else None,
            )
        )
    base = grid.base
    counts = base.folder.read().steps[PAIRS].counts
    return GridReport(
        grid=grid.config.name,
        parent=base.parent.checkpoint.name,
        suite=base.parent.suite.name,
        fresh_suite=grid.fresh.parent.suite.name,
        same_problems=grid.same_problems,
        max_loss=grid.config.max_loss,
        reference=tuple(row for row in rows if row.run_id == rows[0].run_id),
        rows=tuple(told),
        chosen=grid.folder.read().chosen,
        pairs=counts.pairs if counts else 0,
        verdict=evaluation.report,
    )


def planned(grid: Grid, wanted: Wanted) -> dict[str, Any]:
    """What would be done: the shared steps, each member with its training, the fresh evaluation.

    Raises what choosing pairs raises.
    """
    shared = prepared(grid.base, wanted)
    broken = grid.folder.broken() if grid.folder.exists() else {}
    told = []
    for name, one in grid.members.items():
        complete = one.folder.exists() and one.folder.is_complete(VERDICT)
        state = "broke" if name in broken else "complete" if complete else "to do"
        needs = training(one, wanted, shared["pairs"], shared["longest"])
        told.append({"member": name, "state": state, **needs})
    fresh = grid.fresh
    again = "new samples" if grid.same_problems else "other problems"
    asked = f"{fresh.parent.suite.samples_per_epoch} samples of {fresh.parent.suite.name}, {again}"
    epochs = f"epochs: up to {fresh.parent.config.epochs}, policy {fresh.gate.name}"
    return {**shared, "members": told, "fresh": f"{asked}, {epochs}"}
