"""Several candidates from one sample of answers, and an unbiased verdict on the best of them.

All members share answers, pairs and the parent's run. The best of several by one evaluation
looks better there than it is, so the chosen one is judged on samples that played no part in the
choice, against its parent on the same samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import smallscale_ci
from smallscale_ci.candidate import beside
from smallscale_ci.candidate.folder import SAMPLE
from smallscale_ci.candidate.grid_record import GridFolder, GridRecord
from smallscale_ci.candidate.members import Member, members
from smallscale_ci.candidate.prepare import Loop, prepare, recipe_of
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.config import folders, load
from smallscale_ci.config.grid import GridConfig
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import InvalidError, UsageError, did_you_mean
from smallscale_ci.train.runner import Wanted

# Added to the seed of a fresh evaluation on the same problems: the seeds of all samples differ.
_FRESH_SEED = 1_000_003


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid whose parts have all been found, before any GPU is used."""

    folder: GridFolder
    record: GridRecord
    config: GridConfig
    base: Loop  # sample, pairs and parent; its recipe is the first member's
    fresh: Loop  # of the first member until one is chosen
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
    """Record what the grid is made of, or compare it with what was started in its folder.

    Raises ``InvalidError`` when grid or evaluation have changed since.
    """
    if not grid.folder.exists():
        grid.folder.write(grid.record)
        return
    before = grid.folder.read()
    if (before.grid, before.fresh_suite) != (grid.record.grid, grid.record.fresh_suite):
        raise InvalidError(
            f"The grid changed since {grid.folder.path} was started.",
            f"Restore {before.file}, or start a new grid with another --out.",
        )
