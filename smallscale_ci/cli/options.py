"""The options that several commands have, named once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class RuntimeName(StrEnum):
    """Where engine processes run."""

    AUTO = "auto"
    DOCKER = "docker"
    LOCAL = "local"
    RAY = "ray"


class SandboxName(StrEnum):
    """Where judged programs run."""

    AUTO = "auto"
    CONTAINER = "container"
    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"


Model = Annotated[
    str | None,
    typer.Argument(
        help="An alias (smollm2), a checkpoint folder, or a hub id: org/name, org/name@revision.",
        show_default=False,
    ),
]
Suite = Annotated[
    str,
    typer.Option("--suite", "-s", envvar="SMALLSCALE_SUITE", help="Suite: a name or a YAML file."),
]
Profile = Annotated[
    str,
    typer.Option(
        "--profile", "-p", envvar="SMALLSCALE_PROFILE", help="Engine profile: a name or a file."
    ),
]
Gate = Annotated[
    str | None,
    typer.Option(
        "--gate",
        "-g",
        envvar="SMALLSCALE_GATE",
        help="Gate policy: a name or a file. Default: the suite's.",
        show_default=False,
    ),
]
BaselineSpec = Annotated[
    str,
    typer.Option(
        "--baseline",
        "-b",
        envvar="SMALLSCALE_BASELINE",
        help="auto, a model's name, a folder, a run, a samples file, or git:REF[:NAME].",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=1,
        envvar="SMALLSCALE_EPOCHS",
        help="Samples of every problem before the first decision.",
        show_default="the suite's",
    ),
]
MaxEpochs = Annotated[
    int | None,
    typer.Option(
        "--max-epochs",
        min=1,
        envvar="SMALLSCALE_MAX_EPOCHS",
        help="At most so many while the verdict is open.",
        show_default="the policy's",
    ),
]
TokenBudget = Annotated[
    int | None,
    typer.Option(
        "--token-budget",
        min=1,
        envvar="SMALLSCALE_TOKEN_BUDGET",
        help="Add no epoch that would exceed so many completion tokens.",
        show_default=False,
    ),
]
TimeBudget = Annotated[
    float | None,
    typer.Option(
        "--time-budget",
        min=0.01,
        envvar="SMALLSCALE_TIME_BUDGET",
        help="Add no epoch that would end after so many minutes.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=2**31 - 1,
        envvar="SMALLSCALE_SEED",
        help="Draw other samples.",
        show_default=False,
    ),
]
Ranks = Annotated[
    int | None,
    typer.Option(
        "--ranks",
        min=1,
        max=1024,
        envvar="SMALLSCALE_RANKS",
        help="Engine processes that share the work.",
        show_default="the profile's",
    ),
]
TensorParallel = Annotated[
    int | None,
    typer.Option(
        "--tp",
        min=1,
        max=64,
        envvar="SMALLSCALE_TP",
        help="GPUs of one rank.",
        show_default="the profile's",
    ),
]
Runtime = Annotated[
    RuntimeName | None,
    typer.Option(
        "--runtime",
        envvar="SMALLSCALE_RUNTIME",
        help="Run the engine in containers, in a virtual environment, whichever of both is there, "
        "or on a Ray cluster (RAY_ADDRESS).",
        show_default="the profile's",
    ),
]
Sandbox = Annotated[
    SandboxName | None,
    typer.Option(
        "--sandbox",
        envvar="SMALLSCALE_SANDBOX",
        help="Where programs run that are judged; auto takes the first of the others that works.",
        show_default="auto",
    ),
]
Gpus = Annotated[
    str,
    typer.Option(
        "--gpus",
        envvar="SMALLSCALE_GPUS",
        help="GPUs, as 0,1,2,3 or by CDI name.",
        show_default="all",
    ),
]
Runs = Annotated[
    Path | None,
    typer.Option(
        "--runs", envvar="SMALLSCALE_RUNS", help="Folder of the runs.", show_default="./runs"
    ),
]
Baselines = Annotated[
    Path | None,
    typer.Option(
        "--baselines",
        envvar="SMALLSCALE_BASELINES",
        help="Folder of the baselines.",
        show_default="./baselines",
    ),
]
EnginePython = Annotated[
    Path | None,
    typer.Option(
        "--engine-python",
        envvar="SMALLSCALE_ENGINE_PYTHON",
        help="A Python that has the engine installed.",
        show_default="the profile's environment",
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        envvar="SMALLSCALE_RESUME",
        help="Go on with this run folder; auto: with the unfinished run of the same configuration.",
        show_default=False,
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Deadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.01,
        max=100_000,
        envvar="SMALLSCALE_DEADLINE",
        help="After so many minutes end as if interrupted, with a report: exit 3.",
        show_default=False,
    ),
]


def named_gpus(text: str) -> tuple[str, ...]:
    """The GPUs of ``--gpus``. Raises ``UsageError`` for one that is named twice."""
    from smallscale_ci.errors import UsageError

    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(set(names)) < len(names):
        raise UsageError(
            "--gpus names a GPU twice.", "Ranks share a GPU by ranks_per_gpu in the profile."
        )
    return names
