"""``pairs``: preference pairs from a judged run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli.command import Context, command

if TYPE_CHECKING:
    from smallscale_ci.config.pairs import PairPolicy
    from smallscale_ci.preferences import Check, Made
    from smallscale_ci.resolve import Settings


class PolicyName(StrEnum):
    """Which two answers make a pair."""

    SHORTEST = "shortest-correct-vs-longest"
    CORRECT = "correct-vs-wrong"


class DifficultyName(StrEnum):
    """Problems by their solve rate."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Leaks(StrEnum):
    """What to do with training problems that are in the evaluation."""

    REFUSE = "refuse"
    DROP = "drop"


Policy = Annotated[
    PolicyName,
    typer.Option("--policy", envvar="SMALLSCALE_POLICY", help="Which two answers make a pair."),
]
Difficulties = Annotated[
    list[DifficultyName] | None,
    typer.Option(
        "--difficulty",
        envvar="SMALLSCALE_DIFFICULTY",
        help="Problems to take; may be given several times.",
        show_default="easy, or medium and hard for correct-vs-wrong",
    ),
]
EasyFrom = Annotated[
    float,
    typer.Option(
        "--easy-from",
        min=0,
        max=1,
        envvar="SMALLSCALE_EASY_FROM",
        help="Solve rate from which a problem is easy; 1 is k of k.",
    ),
]
MediumFrom = Annotated[
    float,
    typer.Option(
        "--medium-from",
        min=0,
        max=1,
        envvar="SMALLSCALE_MEDIUM_FROM",
        help="Solve rate from which a problem is medium; below it is hard.",
    ),
]
PerProblem = Annotated[
    int,
    typer.Option(
        "--per-problem", min=1, envvar="SMALLSCALE_PER_PROBLEM", help="Pairs of one problem."
    ),
]
MaxPairs = Annotated[
    int | None,
    typer.Option(
        "--max-pairs",
        min=1,
        envvar="SMALLSCALE_MAX_PAIRS",
        help="At most so many pairs, of problems drawn by lot.",
        show_default="all",
    ),
]
MinPairs = Annotated[
    int,
    typer.Option(
        "--min-pairs", min=1, envvar="SMALLSCALE_MIN_PAIRS", help="Fewer pairs are an error."
    ),
]
MinRatio = Annotated[
    float,
    typer.Option(
        "--min-ratio",
        min=1,
        envvar="SMALLSCALE_MIN_RATIO",
        help="The longer answer has at least so many times the tokens of the shorter.",
    ),
]
MaxRatio = Annotated[
    float | None,
    typer.Option(
        "--max-ratio",
        min=1,
        envvar="SMALLSCALE_MAX_RATIO",
        help="And at most so many times.",
        show_default="no limit",
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        min=1,
        envvar="SMALLSCALE_MAX_TOKENS",
        help="Leave longer answers out.",
        show_default="no limit",
    ),
]
PairSeed = Annotated[
    int,
    typer.Option(
        "--pair-seed",
        min=0,
        max=2**31 - 1,
        envvar="SMALLSCALE_PAIR_SEED",
        help="Draw other problems where --max-pairs limits, other answers for correct-vs-wrong.",
    ),
]
EvalSuites = Annotated[
    list[str] | None,
    typer.Option(
        "--eval-suite",
        envvar="SMALLSCALE_EVAL_SUITE",
        help="Evaluation suite that no training problem may be in; may be given several times.",
        show_default="smoke",
    ),
]
LeaksOption = Annotated[
    Leaks,
    typer.Option(
        "--leaks",
        envvar="SMALLSCALE_LEAKS",
        help="Refuse training problems that are in the evaluation, or leave them out.",
    ),
]
LeakThreshold = Annotated[
    float,
    typer.Option(
        "--leak-threshold",
        min=0.3,
        max=1,
        envvar="SMALLSCALE_LEAK_THRESHOLD",
        help="Share of common word triples from which two problems count as the same.",
    ),
]
MaxLost = Annotated[
    float,
    typer.Option(
        "--max-lost",
        min=0,
        max=1,
        envvar="SMALLSCALE_MAX_LOST",
        help="Share of pairs that training may drop or cut.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    example = "smallscale pairs runs/20260131-120000-smoke-train-smollm2-1a2b --eval-suite smoke"
    command(app, "pairs", example)(pairs)


def pairs(
    context: Context,
    run: Annotated[
        Path, typer.Argument(help="A judged run on a training suite.", show_default=False)
    ],
    policy: Policy = PolicyName.SHORTEST,
    difficulty: Difficulties = None,
    easy_from: EasyFrom = 1.0,
    medium_from: MediumFrom = 0.5,
    per_problem: PerProblem = 1,
    max_pairs: MaxPairs = None,
    min_pairs: MinPairs = 16,
    min_ratio: MinRatio = 1.0,
    max_ratio: MaxRatio = None,
    max_tokens: MaxTokens = None,
    pair_seed: PairSeed = 0,
    eval_suite: EvalSuites = None,
    leaks: LeaksOption = Leaks.REFUSE,
    leak_threshold: LeakThreshold = 0.8,
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
    max_lost: MaxLost = 0.0,
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
    from smallscale_ci import preferences
    from smallscale_ci.runfolder import open_run
    from smallscale_ci.suite.local import load_suite

    settings = context.settings()
    folder = open_run(run)
    config = folder.read_config()
    chosen = make_policy(
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
    made = preferences.make(folder, suite, chosen, check, out or run / "pairs", context.out.say)
    show(context, made)


def make_policy(**options: Any) -> PairPolicy:
    """The policy that the options say. Raises ``UsageError`` where they contradict each other."""
    from pydantic import ValidationError

    from smallscale_ci.config.pairs import CORRECT, PairPolicy
    from smallscale_ci.errors import UsageError

    if not options["difficulty"]:
        is_correct = options["policy"] == CORRECT
        options["difficulty"] = ("medium", "hard") if is_correct else ("easy",)
    try:
        return PairPolicy(**options)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{problem}.", "See `smallscale pairs --help`.") from error


def make_check(settings: Settings, names: list[str], **options: Any) -> Check:
    """What pairs are held to, with the problems of the evaluation suites ``names``."""
    from smallscale_ci.config import load
    from smallscale_ci.config.models import SuiteConfig
    from smallscale_ci.preferences import Check
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
