"""The options of preference pairs, which ``pairs`` and ``candidate`` share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from smallscale_ci.config.pairs import PairPolicy


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
    float | None,
    typer.Option(
        "--medium-from",
        min=0,
        max=1,
        envvar="SMALLSCALE_MEDIUM_FROM",
        help="Solve rate from which a problem is medium; below it is hard.",
        show_default="0.5, or --easy-from where that is less",
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
    int | None,
    typer.Option(
        "--min-pairs",
        min=1,
        envvar="SMALLSCALE_MIN_PAIRS",
        help="Fewer pairs are an error.",
        show_default="16, or --max-pairs where that is less",
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
        help="Share of common word triples, or words, from which two problems are the same.",
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


def make_policy(**options: Any) -> PairPolicy:
    """The policy that the options say. Raises ``UsageError`` where they contradict each other."""
    from pydantic import ValidationError

    from smallscale_ci.config.pairs import CORRECT, PairPolicy
    from smallscale_ci.errors import UsageError

    if not options["difficulty"]:
        is_correct = options["policy"] == CORRECT
        options["difficulty"] = ("medium", "hard") if is_correct else ("easy",)
    usual = PairPolicy()
    if options["min_pairs"] is None:
        options["min_pairs"] = min(usual.min_pairs, options["max_pairs"] or usual.min_pairs)
    if options["medium_from"] is None:
        options["medium_from"] = min(usual.medium_from, options["easy_from"])
    try:
        return PairPolicy(**options)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{problem}.", "See `smallscale pairs --help`.") from error
