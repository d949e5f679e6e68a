"""``pairs``: preference pairs from a judged run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.cli.targets import make_folder

if TYPE_CHECKING:
    from smallscale_ci.config.override import Override
    from smallscale_ci.config.pairs import PairPolicy
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pairs.build import Check, Made

Pairs = Annotated[str, option("--pairs", help="Pair policy: a name or a YAML file.")]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    example = "smallscale pairs runs/20260131-120000-smoke-train-smollm2-1a2b --eval-suite smoke"
    command(app, "pairs", example)(pairs)


def pairs(
    context: Context,
    run: Annotated[
        Path, typer.Argument(help="A judged run on a training suite.", show_default=False)
    ],
    policy: Pairs = "lcpo",
    overrides: options.Set = None,
    eval_suite: Annotated[
        list[str] | None,
        option(
            "--eval-suite",
            help="Evaluation suite that no training problem may be in; may be repeated.",
            show_default="smoke",
        ),
    ] = None,
    cutoff_len: Annotated[
        int | None,
        option(
            "--cutoff-len",
            min=1,
            help="The recipe's cutoff_len: count the pairs that training would cut.",
            show_default=False,
        ),
    ] = None,
    max_lost: Annotated[
        float,
        option("--max-lost", min=0, max=1, help="Share of pairs that training may drop or cut."),
    ] = 0.0,
    out: Annotated[
        Path | None,
        option("--out", help="Folder of the pairs.", show_default="RUN/pairs"),
    ] = None,
) -> None:
    """Make preference pairs from the answers of a run.

    The default is LCPO's choice: the shortest right answer is preferred to the longest answer, for
    problems that were solved every time. Policies are files configs/pairs/NAME.yaml; `--set
    pairs.max_pairs=200` overrides one of their values. `train` and `candidate` use the pairs.
    """
    from smallscale_ci.config.override import read
    from smallscale_ci.pairs import build
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.suite.local import load_suite

    settings = context.settings()
    chosen = pair_policy(policy, read(overrides or (), ("pairs",))["pairs"], settings)
    folder = open_run(run)
    config = folder.read_config()
    check = make_check(
        settings,
        eval_suite or ["smoke"],
        leaks=chosen.leaks,
        threshold=chosen.leak_threshold,
        cutoff_len=cutoff_len,
        max_lost=max_lost,
    )
    suite = load_suite(config.suite, Path(config.suite_folder), settings.cache)
    made = build.choose(folder, suite, chosen, check, context.out.say)
    target = out or run / "pairs"
    make_folder(target, "--out")
    show(context, build.write(folder, made, target))


def pair_policy(name: str, overrides: Sequence[Override], settings: Settings) -> PairPolicy:
    """A pair policy by name or file, with ``overrides``. Raises ``UsageError``."""
    from smallscale_ci.config.load import load
    from smallscale_ci.config.override import apply
    from smallscale_ci.config.pairs import PairPolicy

    return apply(load(PairPolicy, name, settings.roots), overrides)


def make_check(settings: Settings, names: list[str], **values: Any) -> Check:
    """The requirements for pairs, with the problems of the evaluation suites ``names``."""
    from smallscale_ci.config import folders, load
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.pairs.build import Check
    from smallscale_ci.suite.local import load_suite

    evaluation = {}
    for name in names:
        config = load.load(SuiteConfig, name, settings.roots)
        base = folders.find(SuiteConfig, name, settings.roots).parent
        evaluation[config.name] = load_suite(config, base, settings.cache).problems
    return Check(evaluation, **values)


def show(context: Context, made: Made) -> None:
    """Show the counts and lengths of the pairs."""
    from smallscale_ci.files import to_json
    from smallscale_ci.report.formats import count, number

    record = made.record
    if context.json:
        context.out.json({**to_json(record), "folder": str(made.folder)})
        return
    lengths, counts = record.lengths, record.counts
    rows = [(side, *map(number, values.values())) for side, values in lengths.items()]
    context.out.table(("tokens", *lengths["chosen"]), rows)
    context.out.result(
        f"{count(counts.pairs, 'pair')} from {count(counts.problems, 'problem')}: "
        f"{counts.easy} easy, {counts.medium} medium, {counts.hard} hard."
    )
    for why, times in counts.dropped.items():
        context.out.say(f"without a pair: {why}: {times:,}")
    context.out.say(f"written: {made.folder}")
