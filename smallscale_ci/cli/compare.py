"""``compare``: the gate on stored runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.config.run import RunConfig
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.run.baselines import Place
    from smallscale_ci.run.folder import RunFolder
    from smallscale_ci.run.run import Run
    from smallscale_ci.suite.model import Suite


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "compare", "smallscale compare runs/NEW baselines/smoke/vllm-cpu/smollm2")(compare)


def compare(
    context: Context,
    candidate: Annotated[
        Path,
        typer.Argument(
            help="A run folder, a samples file, or another tool's results (docs/interop.md).",
            show_default=False,
        ),
    ],
    baseline: Annotated[
        str,
        typer.Argument(
            help="auto, a model's name, a folder, a run, a samples file, another tool's results, "
            "or git:REF[:NAME].",
            show_default=False,
        ),
    ],
    gate: options.Gate = None,
    *,
    side: tools.Side,
    look: Annotated[int, option("--look", min=1, help="Index of this interim look.")] = 1,
    of: Annotated[int, option("--of", min=1, help="Number of planned looks.")] = 1,
    baselines: options.Baselines = None,
    rules: options.Rules = "",
) -> int:
    """Compare two stored runs, or two result files of other tools.

    Runs only the gate, without an engine; the exit code is the verdict, as with eval. Another
    tool's results count by its own verdicts unless they are judged again.
    """
    from smallscale_ci.cli.github import tell_evaluation
    from smallscale_ci.cli.power import own_suite
    from smallscale_ci.cli.verdicts import refuse, show, tell_monitor
    from smallscale_ci.errors import BadSamplesError, UsageError
    from smallscale_ci.gate.decide import unusable
    from smallscale_ci.pipeline import compare
    from smallscale_ci.pipeline.sides import gated_by_what_is_known, is_foreign, load, resolve
    from smallscale_ci.records import Reason, ReasonKind
    from smallscale_ci.run.folder import RunFolder, is_run

    if look > of:
        raise UsageError(f"Look {look} of {of} does not exist.", "Give --look K --of N with K ≤ N.")
    wanted, spec = side.load()
    settings = context.settings(baselines=baselines, rules=rules)
    if settings.rules is not None:
        baseline = settings.rules.baseline(baseline)
    run = RunFolder(candidate) if is_run(candidate) else None
    config, suite = configured(run, settings) if run else (None, None)
    known = config.suite if config else None
    try:
        loaded = load(candidate, wanted, spec)
        known = known or own_suite(loaded, settings)
        policy = _policy(gate, config, known, settings, context.out.say)
        against = resolve(baseline, _place(loaded, known), settings.root_of(baseline), wanted, spec)
    except BadSamplesError as error:
        policy = _policy(gate, config, known, settings, context.out.say)
        said = Reason(ReasonKind.STATED, text=error.message)
        return refuse(context, unusable(policy, [said], look=look, of=of), error)
    if not is_foreign(candidate) and not is_foreign(Path(baseline)):
        side.refuse(context, "neither side is one")
    tell_monitor(context, policy)
    by_itself = gate is None and settings.rules is None
    policy, notes = gated_by_what_is_known(policy, loaded, against) if by_itself else (policy, ())
    evaluation = compare.compare(
        loaded, against, policy, look=look, of=of, suite=suite, run=run, notes=notes
    )
    tell_evaluation(context, evaluation)
    return show(context, evaluation, policy)


def configured(run: RunFolder, settings: Settings) -> tuple[RunConfig | None, Suite | None]:
    """The run's configuration and suite, if they can still be loaded."""
    from smallscale_ci.errors import UsageError
    from smallscale_ci.suite.local import load_suite

    if not run.config.exists():
        return None, None
    config = run.read_config()
    try:
        return config, load_suite(config.suite, Path(config.suite_folder), settings.cache)
    except UsageError:  # the data have changed: the report omits texts
        return config, None


def _policy(
    gate: str | None,
    config: RunConfig | None,
    suite: SuiteConfig | None,
    settings: Settings,
    say: Callable[[str], None],
) -> GatePolicy:
    """The policy that was named, the run's, or the suite's if that is known.

    Under rules, only the commit's policies.
    """
    from smallscale_ci.config.folders import names
    from smallscale_ci.config.load import load
    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.config.suite import SuiteConfig

    if settings.rules is not None:
        from smallscale_ci.pipeline.ruled import policy_for

        stored = suite.name if suite else None
        known = stored if stored in names(SuiteConfig, settings.roots) else None
        return load(GatePolicy, policy_for(gate, known, settings, say), settings.fixed)
    if gate is None and config is not None:
        return config.gate
    return load(GatePolicy, gate or (suite.gate if suite else "default"), settings.roots)


def _place(candidate: Run, suite: SuiteConfig | None) -> Place:
    """Where ``auto`` and names are looked up: the candidate's own suite, profile and model."""
    from smallscale_ci.run.baselines import Place

    manifest = candidate.manifest
    if manifest is None:
        return Place("", "", "")
    return Place(
        suite=manifest.suite.name,
        profile=manifest.profile,
        model=manifest.checkpoint.name,
        reference=suite.reference.get(manifest.profile) if suite else None,
        given=manifest.checkpoint.source,
    )
