"""``pairs``: preference pairs from a judged run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli import pair_options as options
from smallscale_ci.cli.command import Context, command

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pairs.build import Check, Made


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    example = "smallscale pairs runs/20260131-120000-smoke-train-smollm2-1a2b --eval-suite smoke"
    command(app, "pairs", example)(pairs)


def pairs(
    context: Context,
    run: Annotated[
        Path, typer.Argument(help="A judged run on a training suite.", show_default=False)
    ],
    policy: options.Policy = options.PolicyName.SHORTEST,
    difficulty: options.Difficulties = None,
    easy_from: options.EasyFrom = 1.0,
    medium_from: options.MediumFrom = None,
    per_problem: options.PerProblem = 1,
    max_pairs: options.MaxPairs = None,
    min_pairs: options.MinPairs = None,
    min_ratio: options.MinRatio = 1.0,
    max_ratio: options.MaxRatio = None,
    max_tokens: options.MaxTokens = None,
    pair_seed: options.PairSeed = 0,
    eval_suite: options.EvalSuites = None,
    leaks: options.LeaksOption = options.Leaks.REFUSE,
    leak_threshold: options.LeakThreshold = 0.8,
    cutoff_len: Annotated[
        int | None,
        typer.Option(
            "--cutoff-len",
            min=1,
            envvar="SMALLSCALE_CUTOFF_LEN",
            help="The recipe's cutoff_len: count the pairs that training would cut.",
            show_default=False,
        ),
    ] = None,
    max_lost: options.MaxLost = 0.0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", envvar="SMALLSCALE_OUT", help="Folder of the pairs.", show_default="RUN/pairs"
        ),
    ] = None,
) -> None:
    """Make preference pairs from the answers of a run.

    By default those of LCPO: the shortest right answer against the longest, of problems that were
    solved every time. `train` and `candidate` train on them.
    """
    from smallscale_ci.pairs import build
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.suite.local import load_suite

    settings = context.settings()
    folder = open_run(run)
    config = folder.read_config()
    chosen = options.make_policy(
        policy=policy.value,
        difficulty=tuple(level.value for level in difficulty or ()),
        easy_from=easy_from,
        medium_from=medium_from,
        per_problem=per_problem,
        max_pairs=max_pairs,
        min_pairs=min_pairs,
        min_ratio=min_ratio,
        max_ratio=max_ratio,
        max_tokens=max_tokens,
        seed=pair_seed,
    )
    check = make_check(
        settings,
        eval_suite or ["smoke"],
        leaks=leaks.value,
        threshold=leak_threshold,
        cutoff_len=cutoff_len,
        max_lost=max_lost,
    )
    suite = load_suite(config.suite, Path(config.suite_folder), settings.cache)
    made = build.make(folder, suite, chosen, check, out or run / "pairs", context.out.say)
    show(context, made)


def make_check(settings: Settings, names: list[str], **options: Any) -> Check:
    """What pairs are held to, with the problems of the evaluation suites ``names``."""
    from smallscale_ci.config import load
    from smallscale_ci.config.models import SuiteConfig
    from smallscale_ci.pairs.build import Check
    from smallscale_ci.suite.local import load_suite

    evaluation = {}
    for name in names:
        config = load.load(SuiteConfig, name, settings.roots)
        base = load.find(SuiteConfig, name, settings.roots).parent
        evaluation[config.name] = load_suite(config, base, settings.cache).problems
    return Check(evaluation, **options)


def show(context: Context, made: Made) -> None:
    """The counts and lengths of the pairs."""
    from smallscale_ci.report.formats import number

    record = made.record
    if context.json:
        context.out.json({**record, "folder": str(made.folder)})
        return
    lengths = record["lengths"]
    rows = [(side, *map(number, values.values())) for side, values in lengths.items()]
    context.out.table(("tokens", *lengths["chosen"]), rows)
    counts = record["counts"]
    context.out.result(
        f"{counts['pairs']} pairs from {counts['problems']} problems: {counts['easy']} easy, "
        f"{counts['medium']} medium, {counts['hard']} hard."
    )
    for why, count in counts["dropped"].items():
        context.out.say(f"without a pair: {why}: {count}")
    context.out.say(f"written: {made.folder}")
