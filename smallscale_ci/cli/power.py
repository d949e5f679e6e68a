"""``plan`` and ``calibrate``: what the gate can detect, and whether it keeps its error rates."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options, targets, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.config.seams import AUTO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.gate.calibrate import Calibration
    from smallscale_ci.gate.power import Plan
    from smallscale_ci.report.planning import Share
    from smallscale_ci.run.manifest import Manifest
    from smallscale_ci.run.run import Run

_Trials = Annotated[
    int,
    option("--trials", min=1, help="Simulated runs of each kind."),
]
_SMALL = 2.5e9  # bytes of weights: about a billion parameters
_RandomSeed = Annotated[int, option("--seed", min=0, help="Seed of the simulation.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    command(app, "plan", "smallscale plan --suite smoke --profile vllm-cpu")(plan)
    command(app, "calibrate", "smallscale calibrate baselines/smoke/vllm-cpu/smollm2")(calibrate)


def plan(
    context: Context,
    model: options.Model = None,
    suite: options.Suite = "smoke",
    profile: options.Profile = "vllm-cpu",
    gate: options.Gate = None,
    baseline: options.BaselineSpec = AUTO,
    max_epochs: options.MaxEpochs = None,
    trials: _Trials = 200,
    seed: _RandomSeed = 0,
    plot: Annotated[
        Path | None,
        option("--plot", help="Write the curves as SVG."),
    ] = None,
    baselines: options.Baselines = None,
) -> int:
    """Estimate what a suite can detect.

    Before any GPU is used: the chances of each verdict, the smallest detectable loss, expected
    epochs, tokens and hours, and the margins that this budget can hold. Exits with code 2 if even
    an unchanged model would mostly not pass.
    """
    from smallscale_ci.config.load import load
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.errors import EXIT_OK, EXIT_USAGE
    from smallscale_ci.gate.power import plan as work_out
    from smallscale_ci.generate.progress import Progress
    from smallscale_ci.pipeline.sides import gated_by_what_is_known
    from smallscale_ci.report import planning

    targets.refuse_file(plot, "--plot")
    settings = context.settings(baselines=baselines)
    config = load(SuiteConfig, suite, settings.roots)
    policy = _policy(gate or config.gate, max_epochs, settings)
    stored = _baseline(config, profile, model, baseline, settings)
    if gate is None:
        policy, notes = gated_by_what_is_known(policy, stored, stored)
        for note in notes:
            context.out.say(note.text)
    context.out.say(
        f"simulating {trials} runs of each kind on the baseline {stored.name}: an unchanged model, "
        "and one worse by 0.5, 1, 1.5 and 2 margins in each gated metric"
    )
    with context.out.watch() as display:
        found = work_out(
            stored.samples,
            policy,
            trials=trials,
            seed=seed,
            gpu_seconds_per_token=_seconds_per_token(stored),
            repeats=_repeats(config),
            say=lambda *done: display.progress(Progress("simulating", *done)),
        )
    warnings = planning.plan_warnings(found)
    if plot is not None:
        from smallscale_ci.report import charts

        curves = [(d.metric.value, d.loss, d.regressed.value) for d in found.detections]
        targets.write_file(plot, "--plot", charts.power(curves, found.regressed.value))
    if context.json:
        context.out.json({**asdict(found), "warnings": warnings})
    else:
        _show(context, found, stored, warnings)
    return EXIT_OK if found.can_pass else EXIT_USAGE


def _show(context: Context, found: Plan, stored: Run, warnings: Sequence[str]) -> None:
    """Show the plan as tables, and its warnings."""
    from smallscale_ci.report import planning
    from smallscale_ci.report.formats import count, figures

    out = context.out
    unchanged = _Unchanged(found.passed, found.regressed, found.epochs)
    out.table(planning.COLUMNS, planning.outcome_rows([unchanged, *found.detections]))
    out.result("")
    out.table(("found 8 times in 10", "loss of"), planning.detectable_rows(found.detectable))
    out.result("")
    held = f"held in {count(found.max_epochs, 'epoch')}"
    out.table(("task", "metric", "margin", held), planning.margin_rows(found.holdable))
    hours = "" if found.gpu_hours is None else f", {figures(found.gpu_hours, 2)} engine hours"
    tokens = "an unknown number of" if found.tokens is None else f"{found.tokens:,.0f}"
    out.result(
        f"\nAn unchanged model takes {count(round(found.epochs, 2), 'epoch')}, "
        f"{tokens} tokens{hours} (policy {found.policy}, baseline {stored.name} of "
        f"{count(found.baseline_epochs, 'epoch')}, "
        f"{found.trials} trials)."
    )
    for warning in warnings:
        out.warning(warning) if found.can_pass else out.error(warning, "")
    if stored.manifest and (advice := idle_gpu(stored.manifest)):
        out.say(advice)


def calibrate(
    context: Context,
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Runs, baselines (a folder or a name) or samples files of one model.",
            show_default=False,
        ),
    ],
    gate: options.Gate = None,
    trials: _Trials = 500,
    seed: _RandomSeed = 0,
    baseline_epochs: Annotated[
        int,
        option(
            "--baseline-epochs",
            min=1,
            help="Epochs of the pseudo-baselines.",
        ),
    ] = 8,
) -> int:
    """Check that the gate keeps its error rates.

    Stored runs are resampled, within problems, into pairs of pseudo-runs with and without injected
    losses. Exits with code 1 if false alarms or misses exceed what the policy promises.
    """
    from smallscale_ci.errors import EXIT_REGRESSED
    from smallscale_ci.gate.calibrate import calibrate as measure
    from smallscale_ci.generate.progress import Progress
    from smallscale_ci.pipeline.sides import load
    from smallscale_ci.run import baselines

    settings = context.settings()
    sources = [baselines.located(path, settings.baselines) for path in runs]
    stored = [load(path, tools.wanted(verdicts=True)) for path in sources]
    suite = own_suite(stored[0], settings)
    policy = _policy(gate or (suite.gate if suite else "default"), None, settings)
    context.out.say(
        f"resampling {trials} pairs of runs of each kind: unchanged, and worse by 0.5, 1, 1.5 and "
        "2 margins; evenly, in few problems, and with the worst samples ERRORED"
    )
    with context.out.watch() as display:
        found = measure(
            [side.samples for side in stored],
            policy,
            trials=trials,
            seed=seed,
            baseline_epochs=baseline_epochs,
            repeats=_repeats(suite),
            say=lambda *done: display.progress(Progress("resampling", *done)),
        )
    _show_calibration(context, found, trials)
    return 0 if found.holds else EXIT_REGRESSED


def _show_calibration(context: Context, found: Calibration, trials: int) -> None:
    """Show the verdicts on each kind of run, and whether the policy's levels are kept."""
    from smallscale_ci.gate.calibrate import ENOUGH
    from smallscale_ci.report import planning

    complaints = planning.complaints(found)
    if context.json:
        context.out.json({**asdict(found), "reasons": complaints})
        return
    few = trials < ENOUGH
    rows = planning.outcome_rows(found.scenarios)
    marked = [
        (*row, "too few trials" if few else "ok" if scenario.holds else "BROKEN")
        for row, scenario in zip(rows, found.scenarios, strict=True)
    ]
    context.out.table((*planning.COLUMNS, "levels"), marked)
    for reason in complaints:
        context.out.error(reason, "")
    held = "keeps its levels" if found.holds else "does NOT keep its levels"
    if few:
        held = f"was tested too little ({trials} runs; {ENOUGH} or more can tell)"
    context.out.result(
        f"\nThe policy {found.policy} {held} on {found.problems} problems, "
        f"{found.stored_epochs} stored samples each."
    )


def idle_gpu(manifest: Manifest) -> str:
    """Advice after a small model ran with a GPU of its own; empty for other runs."""
    from smallscale_ci.worker.engines.registry import ENGINES

    is_small = 0 < manifest.checkpoint.weights_bytes < _SMALL
    alone, kind = manifest.runtime.ranks == 1, ENGINES.get(manifest.engine.name)
    if kind is None or not (kind.shared and alone and manifest.machine.has_gpu and is_small):
        return ""
    return (
        "The baseline ran one process on its GPU. A model of this size is faster with several: "
        f"--profile {kind.shared} runs four."
    )


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class _Unchanged:
    """The unchanged model as a row of the plan's table."""

    passed: Share
    regressed: Share
    epochs: float
    metric: None = None
    loss: float = 0.0


def _policy(name: str, max_epochs: int | None, settings: Settings) -> GatePolicy:
    from smallscale_ci.config.load import load
    from smallscale_ci.config.policy import GatePolicy

    policy = load(GatePolicy, name, settings.roots)
    return policy if max_epochs is None else policy.model_copy(update={"max_epochs": max_epochs})


def own_suite(stored: Run, settings: Settings) -> SuiteConfig | None:
    """The suite that a run belongs to; ``None`` for a bare file."""
    from smallscale_ci.config.folders import names
    from smallscale_ci.config.load import load
    from smallscale_ci.config.suite import SuiteConfig

    suite = stored.manifest.suite.name if stored.manifest else None
    if suite and suite in names(SuiteConfig, settings.roots):
        return load(SuiteConfig, suite, settings.roots)
    return None


def _repeats(suite: SuiteConfig | None) -> dict[str, int]:
    """Samples of a problem in one epoch of the suite, by task."""
    return {task.name: task.epochs for task in suite.tasks} if suite else {}


def _baseline(
    config: SuiteConfig, profile: str, model: str | None, spec: str, settings: Settings
) -> Run:
    from smallscale_ci.checkpoint.find import name_of
    from smallscale_ci.cli import tools
    from smallscale_ci.pipeline.sides import resolve
    from smallscale_ci.run.baselines import Place

    reference = config.reference.get(profile)
    name = name_of(model) if model else reference or ""
    place = Place(config.name, profile, name, reference, given=model or name)
    return resolve(spec, place, settings.root_of(spec), tools.wanted(verdicts=True))


def _seconds_per_token(stored: Run) -> float | None:
    """GPU seconds per token over all GPUs, from the baseline's own run; ``None``: unknown."""
    if stored.manifest is None:
        return None
    timings, tokens = stored.manifest.timings, stored.manifest.tokens.completion
    seconds = timings.gpu_s or timings.generate_s
    return seconds / tokens if seconds and tokens else None
