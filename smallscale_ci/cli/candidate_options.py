"""The options of ``candidate``, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from smallscale_ci.cli import options
from smallscale_ci.cli.option import option
from smallscale_ci.cli.pairs import Pairs
from smallscale_ci.cli.train import TrainPython


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Answers:
    """What the pairs are made from."""

    suite: Annotated[str, option("--suite", "-s", help="Suite to train on.")] = "smoke-train"
    samples: Annotated[
        int,
        option("--samples", min=4, help="Answers to each training problem: k in “solved k of k”."),
    ] = 16
    sample: Annotated[
        Path | None,
        option(
            "--sample",
            help="Use the answers of this judged run instead of sampling.",
            show_default=False,
        ),
    ] = None
    pairs: Pairs = "lcpo"


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Place:
    """The folder of a candidate: a new one, or one to resume."""

    out: Annotated[
        Path | None,
        option(
            "--out",
            help="Folder of the candidate; an unfinished one is resumed.",
            show_default="candidates/<id>",
        ),
    ] = None
    resume: Annotated[
        Path | None,
        option(
            "--resume",
            help="Resume this candidate's folder; completed steps are not repeated.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Evaluation:
    """What parent and candidate are judged by."""

    eval_suite: Annotated[
        str,
        option("--eval-suite", help="Held-out suite on which parent and candidate are judged."),
    ] = "smoke"
    gate: Annotated[
        str | None,
        option(
            "--gate",
            "-g",
            help="Gate policy. Default: the evaluation suite's, with tokens shown but not gated.",
            show_default=False,
        ),
    ] = None
    eval_epochs: Annotated[
        int | None,
        option(
            "--eval-epochs",
            min=1,
            help="Samples of every evaluation problem before the first decision.",
            show_default="1",
        ),
    ] = None
    rules: options.Rules = ""
    fresh_suite: Annotated[
        str | None,
        option(
            "--fresh-suite",
            help="For a grid: suite that the chosen candidate is judged by. Default: the "
            "evaluation suite, with new samples.",
            show_default=False,
        ),
    ] = None


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Training:
    """What trains."""

    train_ranks: Annotated[
        int | None,
        option(
            "--train-ranks",
            min=1,
            max=1024,
            help="Processes that train.",
            show_default="one for each GPU",
        ),
    ] = None
    train_python: TrainPython = None
