"""``candidate`` with a grid as its recipe: several candidates, one choice, one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smallscale_ci.cli.candidates import Watcher, gib, policy
from smallscale_ci.cli.command import Context

if TYPE_CHECKING:
    from smallscale_ci.candidate.grid import Grid
    from smallscale_ci.candidate.grid_record import GridFolder
    from smallscale_ci.candidate.record import CandidateRequest
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pipeline.compare import Evaluation
    from smallscale_ci.train.runner import Wanted


def make(
    context: Context,
    folder: GridFolder,
    request: CandidateRequest,
    fresh_suite: str,
    settings: Settings,
    wanted: Wanted,
    steps: Sequence[str],
    *,
    dry_run: bool,
) -> int | None:
    """Make the candidates of a grid, or show the plan."""
    from smallscale_ci.candidate import grid_report, grid_run
    from smallscale_ci.candidate.grid import plan

    with context.out.watch() as display:
        grid = plan(folder, request, fresh_suite, settings, wanted, display.say)
        if dry_run:
            _show_plan(context, grid_report.planned(grid, wanted))
            return None
        display.say(f"grid folder: {folder.path}")
        evaluation = grid_run.run(grid, wanted, Watcher(context, display), steps)
    if evaluation is None:
        if context.json:
            context.out.json({"folder": str(folder.path), "until": steps[-1]})
        return None
    return _show(context, grid, evaluation)


def _show_plan(context: Context, planned: dict[str, Any]) -> None:
    """Show the shared steps and every member, before any GPU is used."""
    if context.json:
        context.out.json(planned)
        return
    shared = [step for step in planned["steps"] if step["step"] not in {"train", "verdict"}]
    lines = [(step["step"], step["state"], step["does"]) for step in shared]
    members = planned["members"]
    done = sum(one["state"] == "complete" for one in members)
    lines.append(("members", f"{done} done", f"{len(members)} trained and evaluated each"))
    lines.append(("fresh", "to do", f"the chosen one and its parent: {planned['fresh']}"))
    context.out.table(("step", "state", "does"), lines)
    rows = [
        (
            one["member"],
            one["objective"],
            f"{one['settings']['learning_rate']:g}",
            f"{one['settings']['seed']}",
            f"{one['steps']}",
            gib(one["memory_bytes"]["total"]),
        )
        for one in members
    ]
    context.out.table(("member", "objective", "rate", "seed", "steps", "GiB a rank"), rows)
    missing = next((one for one in members if one["missing"]), None)
    if missing:
        context.out.error(f"Nothing can be trained here: {missing['missing']}", missing["remedy"])


def _show(context: Context, grid: Grid, evaluation: Evaluation) -> int:
    """Show the table of all candidates, then the verdict on the chosen one."""
    from dataclasses import asdict

    from smallscale_ci.candidate.grid_report import report
    from smallscale_ci.cli import verdicts
    from smallscale_ci.cli.github import tell_evaluation
    from smallscale_ci.report import grid as words
    from smallscale_ci.run.records_json import plain

    told = report(grid, evaluation)
    tell_evaluation(context, evaluation)
    if not context.json:
        context.out.table(words.HEADINGS, words.table(told))
        if seeds := words.over_seeds(told):
            context.out.table(words.SEED_HEADINGS, seeds)
        for sentence in words.sentences(told):
            context.out.result(sentence)
        context.out.result("")
    chosen = grid.folder.fresh(told.chosen)
    code = verdicts.show(
        context,
        evaluation,
        policy(chosen),
        {
            "grid": str(grid.folder.path),
            "chosen": told.chosen,
            "model": str(chosen.model),
            "members": [plain(asdict(row)) for row in told.rows],
        },
    )
    context.out.say(f"the candidate: {chosen.model}")
    context.out.say(f"all candidates: {grid.folder.report / 'grid.html'}")
    return code
