"""The options that several commands have, named once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.config.seams import AUTO, RUNTIMES, SANDBOXES

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings


def option(*names: str, **settings: Any) -> Any:
    """An option of a command; ``settings`` are those of ``typer.Option``, ``help`` among them.

    Every option can also be given in the environment: as SMALLSCALE_ and its long name.
    """
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    return typer.Option(*names, envvar=_variable(long), show_envvar=False, **settings)


def refuse_variable(long: str, settings: Settings) -> None:
    """Raise ``UsageError`` where the environment gives the option ``long``, under rules.

    It is asked where there is no verdict for its sake, but an exit code of 0: a variable cannot
    have that.
    """
    from smallscale_ci.errors import UsageError

    if settings.rules is not None and settings.environment.get(_variable(long)):
        raise UsageError(
            f"{_variable(long)} is set, and with --rules no variable replaces the verdict.",
            f"Unset it, or give {long}.",
        )


def _variable(long: str) -> str:
    return "SMALLSCALE_" + long.removeprefix("--").upper().replace("-", "_")


if TYPE_CHECKING:  # typer takes choices from an enumeration, and these are what tables name
    RuntimeName = str
    SandboxName = str
else:
    RuntimeName, SandboxName = (
        StrEnum(title, {name.upper(): name for name in (AUTO, *table)})
        for title, table in (("RuntimeName", RUNTIMES), ("SandboxName", SANDBOXES))
    )


def _known(kind: str) -> Callable[[str], list[str]]:
    """Completes the names of one kind of configuration: suite, engine, gate, pairs or train."""

    def complete(incomplete: str) -> list[str]:
        from smallscale_ci.cli import places
        from smallscale_ci.config.folders import names
        from smallscale_ci.config.schema import MODELS

        found = names(MODELS[kind], places.find().roots)
        return [name for name in found if name.startswith(incomplete)]

    return complete


def baseline_names(incomplete: str) -> list[str]:
    """Completes the stored baselines, and the model names among them."""
    from smallscale_ci.cli import places
    from smallscale_ci.run import baselines

    found = baselines.names(places.find().baselines)
    words = ["auto", *dict.fromkeys(name.rsplit("/", 1)[-1] for name in found), *found]
    return [word for word in words if word.startswith(incomplete)]


Model = Annotated[
    str | None,
    typer.Argument(
        help="An alias (smollm2), a checkpoint folder, or a hub id: org/name, org/name@revision.",
        show_default=False,
    ),
]
Suite = Annotated[
    str,
    option("--suite", "-s", autocompletion=_known("suite"), help="Suite: a name or a YAML file."),
]
Suites = Annotated[
    list[str] | None,
    option(
        "--suite",
        "-s",
        autocompletion=_known("suite"),
        help="Suite: a name or a YAML file; may be repeated, on one loaded engine.",
        show_default="smoke",
    ),
]
Profile = Annotated[
    str,
    option(
        "--profile", "-p", autocompletion=_known("engine"), help="Engine profile: a name or a file."
    ),
]
Gate = Annotated[
    str | None,
    option(
        "--gate",
        "-g",
        autocompletion=_known("gate"),
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
        help="Variable of the chat template, as enable_thinking=false; may be repeated.",
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
        help="GPUs, as 0,1,2,3 or by CDI name.",
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
        help="Try it on this many problems of each task; decides nothing.",
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


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Engine:
    """Which answers are drawn, and what the engine processes run on: options of their own."""

    seed: Seed = None
    template: Template = None
    ranks: Ranks = None
    tp: TensorParallel = None
    gpus: Gpus = ""
    runtime: Runtime = None
    sandbox: Sandbox = None
    engine_python: EnginePython = None

    def request(self) -> dict[str, Any]:
        """As a ``Request`` calls them. Raises ``UsageError`` for a GPU that is named twice."""
        return {
            "seed": self.seed,
            "template": tuple(self.template or ()),
            "ranks": self.ranks,
            "tensor_parallel": self.tp,
            "gpus": named_gpus(self.gpus),
            "runtime": str(self.runtime) if self.runtime else None,
        }


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Budget:
    """What an evaluation may cost at most."""

    max_epochs: MaxEpochs = None
    token_budget: TokenBudget = None
    time_budget: TimeBudget = None
    deadline: Deadline = None

    def request(self) -> dict[str, Any]:
        """As a ``Request`` calls them; the deadline is not the run's, but of this call."""
        return {
            "max_epochs": self.max_epochs,
            "token_budget": self.token_budget,
            "time_budget_min": self.time_budget,
        }


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Folders:
    """Where runs and baselines are stored."""

    runs: Runs = None
    baselines: Baselines = None

    def places(self) -> dict[str, Path | None]:
        """As ``Context.settings`` calls them."""
        return {"runs": self.runs, "baselines": self.baselines}


def named_gpus(text: str) -> tuple[str, ...]:
    """The GPUs of ``--gpus``. Raises ``UsageError`` for one that is named twice."""
    from smallscale_ci.errors import UsageError

    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(set(names)) < len(names):
        raise UsageError(
            "--gpus names a GPU twice.", "Ranks share a GPU by ranks_per_gpu in the profile."
        )
    return names
