"""The members of a grid: which candidates are trained, and which of them is chosen. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.config import override
from smallscale_ci.config.folders import is_path
from smallscale_ci.config.grid import GridArm, GridConfig
from smallscale_ci.errors import ConfigError, UsageError
from smallscale_ci.records import Metric
from smallscale_ci.report.interface import Beside

_OF_MEMBERS = ("name", "seed", "learning_rate")


@dataclass(frozen=True, slots=True)
class Member:
    """A candidate of a grid: its name, its recipe, and what is overridden in it."""

    name: str
    recipe: str
    overrides: tuple[str, ...]
    """Each is recipe.KEY=VALUE."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate beside its parent on the problems of the choice, as means over the tasks."""

    name: str
    gain: float
    """Of accuracy, as a fraction; negative: a loss."""
    length: float
    """Log ratio of mean tokens; negative: shorter."""


def members(config: GridConfig, file: Path, overrides: Sequence[str]) -> tuple[Member, ...]:
    """All members of the grid in ``file``, in its order; ``overrides`` are those of ``--set``.

    Raises ``UsageError`` for an override that would make all members one, and ``ConfigError`` for
    two members of one name.
    """
    for one in override.read(overrides, ("recipe",))["recipe"]:
        if one.path[0] in _OF_MEMBERS:
            raise UsageError(
                f"--set {one.text} cannot be applied: the grid sets {one.path[0]} of each member.",
                f"Change it in {file}.",
            )
    found = tuple(
        member for arm in config.members for member in _of(arm, config, file.parent, overrides)
    )
    names = [member.name for member in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = f"{file}: members: two are called {', '.join(twice)}"
        raise ConfigError(f"{file} has 1 problem.", [problem], "Give them a name of their own.")
    return found


def _of(
    arm: GridArm, config: GridConfig, folder: Path, overrides: Sequence[str]
) -> Iterator[Member]:
    recipe = arm.recipe
    if is_path(recipe):
        recipe = str((folder / recipe).resolve())
    changes = tuple(f"recipe.{key}={json.dumps(value)}" for key, value in arm.changes.items())
    for rate in arm.learning_rates or (None,):
        for seed in arm.seeds or config.seeds or (None,):
            name, own = arm.name or Path(arm.recipe).stem, []
            if rate is not None:
                name += f"-{rate:g}".replace("+", "")  # a name has none
                own.append(f"recipe.learning_rate={json.dumps(rate)}")
            if seed is not None:
                name += f"-s{seed}"
                own.append(f"recipe.seed={seed}")
            named = f"recipe.name={json.dumps(name)}"
            yield Member(name, recipe, (*changes, *overrides, *own, named))


def measured(rows: Sequence[Beside], names: Mapping[str, str]) -> tuple[Measured, ...]:
    """The candidates that were compared with their parent; ``names`` maps run ids to members."""
    found = []
    for run_id, name in names.items():
        tasks = [row.differences for row in rows if row.run_id == run_id]
        changes = [(d[Metric.ACCURACY], d[Metric.TOKENS]) for d in tasks if len(d) > 1]
        if changes and len(changes) == len(tasks):
            gains, lengths = zip(*changes, strict=True)
            mean = [sum(one.value for one in side) / len(tasks) for side in (gains, lengths)]
            found.append(Measured(name, *mean))
    return tuple(found)


def front(candidates: Sequence[Measured]) -> frozenset[str]:
    """The candidates that neither another one nor the parent surpasses in accuracy and tokens."""
    parent = Measured("", 0.0, 0.0)

    def surpasses(one: Measured, other: Measured) -> bool:
        least = one.gain >= other.gain and one.length <= other.length
        return least and (one.gain, one.length) != (other.gain, other.length)

    return frozenset(
        one.name
        for one in candidates
        if not any(surpasses(other, one) for other in (*candidates, parent))
    )


def choose(candidates: Sequence[Measured], max_loss: float) -> Measured:
    """The shortest that loses at most ``max_loss`` of accuracy; if none does, the most accurate."""
    kept = [one for one in candidates if one.gain >= -max_loss - 1e-12]
    if kept:
        return min(kept, key=lambda one: (one.length, -one.gain, one.name))
    return max(candidates, key=lambda one: (one.gain, -one.length, one.name))
