"""What a run is about to do, as lines: before it starts, and for ``--dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smallscale_ci.cli.command import Context
    from smallscale_ci.cli.output import Output
    from smallscale_ci.pipeline.prepare import Plan


def announce(out: Output, plan: Plan) -> None:
    """Show model, suite, baseline and policy, the expected cost, and where the run is."""
    for name, words in _lines(plan).items():
        out.say(f"{name + ':':<10}{words}")
    out.say(f"run folder: {plan.run.path}")


def show_plans(context: Context, plans: Sequence[Plan]) -> None:
    """The plans of a dry run."""
    from smallscale_ci.cli.suites import show_json

    for plan in () if context.json else plans:
        context.out.mapping(_lines(plan))
        for warning in _warnings(plan):
            context.out.warning(warning)
    show_json(context, [_value(plan) for plan in plans])


def _warnings(plan: Plan) -> tuple[str, ...]:
    from smallscale_ci.pipeline.evaluate import warnings

    if plan.baseline is None or plan.config.limit is not None:  # a trial decides nothing
        return ()
    return warnings(plan, plan.baseline)


def _value(plan: Plan) -> dict[str, Any]:
    from dataclasses import asdict

    baseline = plan.baseline
    return {
        "model": {"name": plan.checkpoint.name, "path": str(plan.checkpoint.path)},
        "suite_hash": plan.suite.hash,
        "baseline": baseline and {"name": baseline.name, "source": baseline.source},
        "runtime": {"name": plan.place.name, "reason": plan.place.reason},
        "expected": asdict(plan.expected),
        "warnings": list(_warnings(plan)),
        "config": plan.config.model_dump(mode="json"),
    }


def _why(plan: Plan) -> str:
    """Why ``auto`` chose this baseline."""
    from smallscale_ci.run.baselines import is_auto

    if plan.baseline is None or not is_auto(plan.config.baseline):
        return ""
    own, suite = plan.checkpoint.name, plan.config.suite.name
    if plan.baseline.name == own:
        return f", by the model's name '{own}'"
    return f", the reference of the suite {suite}: '{own}' has none of its own"


def _lines(plan: Plan) -> dict[str, str]:
    from smallscale_ci.report.formats import age, count

    config, expected = plan.config, plan.expected
    profile, sampling = config.profile, config.suite.sampling
    ranks = count(profile.ranks, "rank")
    part = f" (--limit {config.limit})" if config.limit else ""
    lines = {
        "model": f"{plan.checkpoint.name} ({config.model})",
        "suite": f"{config.suite.name}, {count(expected.problems, 'problem')}{part}, "
        f"max_tokens {sampling.max_tokens:,}, seed {sampling.seed}",
        "engine": f"profile {profile.name}: {profile.engine}, {plan.place.name}, {ranks}",
    }
    if plan.baseline is not None:
        known = plan.baseline.recorded
        recorded = ""
        if known:
            old = age(known.at, plan.now())
            recorded = f", recorded {known.at[:10]} ({old}) by {known.by}"
        lines["baseline"] = f"{plan.baseline.name}{recorded} ({plan.baseline.source}){_why(plan)}"
        lines["policy"] = config.gate.name
    epochs = count(config.epochs, "epoch")
    if config.max_epochs > config.epochs:
        epochs += f", up to {config.max_epochs} while inconclusive"
    lines["expected"] = f"{epochs}: {expected.sentence()}"
    if config.overrides:
        lines["overrides"] = ", ".join(config.overrides)
    return lines
