"""What is reported about a grid, before it runs and after."""

from __future__ import annotations

from typing import Any

from smallscale_ci.candidate.folder import PAIRS, PARENT, TRAIN, VERDICT
from smallscale_ci.candidate.grid import Grid
from smallscale_ci.candidate.members import front, measured
from smallscale_ci.candidate.prepare import planned as prepared
from smallscale_ci.candidate.prepare import training
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.report import history, stored
from smallscale_ci.report.grid import GridReport, GridRow
from smallscale_ci.report.interface import Beside
from smallscale_ci.train.runner import Wanted


def rows_of(grid: Grid) -> tuple[tuple[Beside, ...], dict[str, str]]:
    """The parent and every measured member side by side, and which member each run is of."""
    runs, names = [stored.read(grid.base.folder.of(PARENT))], {}
    for name, one in grid.members.items():
        if one.folder.exists() and one.folder.is_complete(VERDICT):
            found = stored.read(one.folder.of(VERDICT))
            runs.append(found)
            names[found.run_id] = name
    return history.side_by_side(runs), names


def report(grid: Grid, evaluation: Evaluation) -> GridReport:
    """Everything that is reported about a grid."""
    rows, names = rows_of(grid)
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
    """The plan: the shared steps, each member with its training, the fresh evaluation.

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
