"""The options that several commands have, named once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli.option import baseline_names, known, option
from smallscale_ci.config.seams import AUTO, RUNTIMES, SANDBOXES

_TRAINS = [name for name, kind in RUNTIMES.items() if kind.trains]
if TYPE_CHECKING:  # typer takes choices from an enumeration, and tables name these
    RuntimeName = str
    TrainRuntimeName = str
    SandboxName = str
else:
    RuntimeName, TrainRuntimeName, SandboxName = (
        StrEnum(title, {name.upper(): name for name in (AUTO, *table)})
        for title, table in (
            ("RuntimeName", RUNTIMES),
            ("TrainRuntimeName", _TRAINS),
            ("SandboxName", SANDBOXES),
        )
    )


Model = Annotated[
    str | None,
    typer.Argument(
        help="An alias (smollm2), a checkpoint folder, or a hub id: org/name, org/name@revision.",
        show_default=False,
    ),
]
Suite = Annotated[
    str,
    option("--suite", "-s", autocompletion=known("suite"), help="Suite: a name or a YAML file."),
]
Suites = Annotated[
    list[str] | None,
    option(
        "--suite",
        "-s",
        autocompletion=known("suite"),
        help="Suite: a name or a YAML file; may be repeated, on one loaded engine.",
        show_default="smoke",
    ),
]
Profile = Annotated[
    str,
    option(
        "--profile", "-p", autocompletion=known("engine"), help="Engine profile: a name or a file."
    ),
]
Gate = Annotated[
    str | None,
    option(
        "--gate",
        "-g",
        autocompletion=known("gate"),
        help="Gate policy: a name or a file. Default: the suite's.",
        show_default=False,
    ),
]
BaselineSpec = Annotated[
    str,
    option(
        "--baseline",
        "-b",
        autocompletion=baseline_names,
        help="auto, a model's name, a folder, a run, a samples file, or git:REF[:NAME].",
    ),
]
Rules = Annotated[
    str,
    option(
        "--rules",
        metavar="git:REF",
        help="Read policy, suite, profile, image lock and baseline from this commit; what differs "
        "here is listed and does not count.",
        show_default=False,
    ),
]
Epochs = Annotated[
    int | None,
    option(
        "--epochs",
        min=1,
        help="Samples of every problem before the first decision.",
        show_default="the suite's",
    ),
]
MaxEpochs = Annotated[
    int | None,
    option(
        "--max-epochs",
        min=1,
        help="Maximum epochs while the verdict is inconclusive.",
        show_default="the policy's",
    ),
]
TokenBudget = Annotated[
    int | None,
    option(
        "--token-budget",
        min=1,
        help="Stop before an epoch that would exceed this many completion tokens.",
        show_default=False,
    ),
]
TimeBudget = Annotated[
    float | None,
    option(
        "--time-budget",
        min=0.01,
        max=100_000,
        help="Stop before an epoch that would end after this many minutes.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    option(
        "--seed",
        min=0,
        max=2**31 - 1,
        help="Base seed for sampling.",
        show_default=False,
    ),
]
Template = Annotated[
    list[str] | None,
    option(
        "--template",
        metavar="KEY=VALUE",
        help="Variable of the chat template, as in enable_thinking=false; may be repeated.",
        show_default="the suite's and the profile's",
    ),
]
Ranks = Annotated[
    int | None,
    option(
        "--ranks",
        min=1,
        max=1024,
        help="Engine processes that share the work.",
        show_default="the profile's",
    ),
]
TensorParallel = Annotated[
    int | None,
    option(
        "--tp",
        min=1,
        max=64,
        help="GPUs of one rank.",
        show_default="the profile's",
    ),
]
Runtime = Annotated[
    RuntimeName | None,
    option(
        "--runtime",
        help="docker: in containers; local: in a virtual environment; auto: whichever is there; "
        "ray: on a Ray cluster (RAY_ADDRESS).",
        show_default="the profile's",
    ),
]
TrainRuntime = Annotated[
    TrainRuntimeName | None,
    option(
        "--runtime",
        help="docker: in a container; local: in a virtual environment; auto: in a container if "
        "GPUs and the image are present.",
        show_default="auto",
    ),
]
Sandbox = Annotated[
    SandboxName | None,
    option(
        "--sandbox",
        help="Sandbox for generated programs; auto takes the first one that works.",
        show_default="auto",
    ),
]
Gpus = Annotated[
    str,
    option(
        "--gpus",
        help="GPUs, as in 0,1,2,3, or by CDI name.",
        show_default="all",
    ),
]
Runs = Annotated[
    Path | None,
    option("--runs", help="Folder of the runs.", show_default="./runs"),
]
Baselines = Annotated[
    Path | None,
    option(
        "--baselines",
        help="Folder of the baselines.",
        show_default="./baselines",
    ),
]
EnginePython = Annotated[
    Path | None,
    option(
        "--engine-python",
        help="A Python that has the engine installed.",
        show_default="the profile's environment",
    ),
]
Resume = Annotated[
    Path | None,
    option(
        "--resume",
        help="Resume this run folder; auto: the unfinished run of the same configuration, or, "
        "without MODEL, the only unfinished one.",
        show_default=False,
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Deadline = Annotated[
    float | None,
    option(
        "--deadline",
        min=0.01,
        max=100_000,
        help="Stop after this many minutes, write a report, exit 3.",
        show_default=False,
    ),
]

Limit = Annotated[
    int | None,
    option(
        "--limit",
        min=1,
        help="Try this many problems of each task; gives no verdict.",
        show_default="all",
    ),
]
DryRun = Annotated[
    bool, option("--dry-run", help="Resolve and check everything, show the plan, and stop.")
]
Set = Annotated[
    list[str] | None,
    option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one value of a configuration file, as in sampling.max_tokens=512; may be "
        "repeated.",
        show_default=False,
    ),
]
