"""What a run is about to do, as lines: before it starts, and for ``--dry-run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smallscale_ci.cli.command import Context
    from smallscale_ci.cli.output import Display
    from smallscale_ci.pipeline.prepare import Plan


def announce(display: Display, plan: Plan) -> None:
    """Say which model, suite, baseline and policy, what they are expected to take, and where."""
    for name, words in _lines(plan).items():
        display.say(f"{name + ':':<10}{words}")
    display.say(f"run folder: {plan.run.path}")


def show_plan(context: Context, plan: Plan) -> None:
    """The plan of a dry run."""
    from dataclasses import asdict

    from smallscale_ci.pipeline.forecast import forecast

    if not context.json:
        context.out.mapping(_lines(plan))
        return
    baseline = plan.baseline
    context.out.json(
        {
            "model": {"name": plan.checkpoint.name, "path": str(plan.checkpoint.path)},
            "suite_hash": plan.suite.hash,
            "baseline": baseline and {"name": baseline.name, "source": baseline.source},
            "runtime": {"name": plan.place.name, "reason": plan.place.reason},
            "expected": asdict(forecast(plan)),
            "config": plan.config.model_dump(mode="json"),
        }
    )


def _why(plan: Plan) -> str:
    """Why this baseline was taken where ``auto`` chose it."""
    from smallscale_ci.run.baselines import is_auto

    if plan.baseline is None or not is_auto(plan.config.baseline):
        return ""
    own, suite = plan.checkpoint.name, plan.config.suite.name
    if plan.baseline.name == own:
        return f", by the model's name '{own}'"
    return f", the reference of the suite {suite}: '{own}' has none of its own"


def _lines(plan: Plan) -> dict[str, str]:
    from smallscale_ci.pipeline.forecast import forecast
    from smallscale_ci.report.formats import age, count

    config, expected = plan.config, forecast(plan)
    profile, sampling = config.profile, config.suite.sampling
    ranks = "1 rank" if profile.ranks == 1 else f"{profile.ranks} ranks"
    part = f" (--limit {config.limit})" if config.limit else ""
    lines = {
        "model": f"{plan.checkpoint.name} ({config.model})",
        "suite": f"{config.suite.name}, {expected.problems:,} problems{part}, "
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
