"""Everything that can be extended, one line each; engines are in ``worker/engines/registry.py``.

All other code relies on what a line says. Implementations are named as MODULE:NAME and imported
when they are first used, so that ``--help`` and configuration files load none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_JUDGES = "smallscale_ci.judges"
_INTEROP = "smallscale_ci.interop"
AUTO = "auto"  # of runtimes, sandboxes and baselines: the one that fits here


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # compiled at each start
class JudgeKind:
    """What all code needs to know about a judge."""

    name: str
    judge: str  # MODULE:CLASS, after judges/interface.py
    needs: Literal["gold", "option", "tests"] = "gold"  # what its problems must provide
    asks: bool = False  # it asks a model at an endpoint, which the task names
    runs: bool = False  # it runs programs, so it needs a sandbox and seconds per item
    steps: str = ""  # MODULE:FUNCTION, what `judge --explain` shows besides what was found
    rule: bool = False  # may be the rule that an LLM judge's rulings are compared with


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # compiled at each start
class RuntimeKind:
    """What all code needs to know about a place where engine processes run."""

    name: str
    build: str  # MODULE:FUNCTION from a ``generate.interface.Placement``
    images: bool = False  # it runs an image instead of a Python that has the engine
    here: bool = True  # it runs on this machine, so its Python must be here as well
    trains: bool = False  # models can be trained in it


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # compiled at each start
class StepKind:
    """What all code needs to know about a step from a checkpoint to a candidate's verdict."""

    name: str  # also of its folder
    do: str  # MODULE:FUNCTION of the loop, where to train and who watches
    makes: str  # the file, or the checkpoint's folder, whose hash stands for what it made
    needs: tuple[str, ...] = ()  # the steps it is made from


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # compiled at each start
class ExportKind:
    """What all code needs to know about a format that runs are exported in."""

    name: str
    write: str  # MODULE:FUNCTION of an ``interop.exported.Source`` and the folder to write to
    datasets: bool = False  # it names data sets of the hub


JUDGES: Mapping[str, JudgeKind] = {
    kind.name: kind
    for kind in (
        JudgeKind("math", f"{_JUDGES}.math:MathJudge", steps=f"{_JUDGES}.explain:forms", rule=True),
        JudgeKind(
            "mcq",
            f"{_JUDGES}.mcq:McqJudge",
            needs="option",
            steps=f"{_JUDGES}.explain:options",
            rule=True,
        ),
        JudgeKind(
            "code",
            f"{_JUDGES}.code:CodeJudge",
            needs="tests",
            runs=True,
            steps=f"{_JUDGES}.explain:program",
        ),
        JudgeKind("llm", f"{_JUDGES}.llm:LlmJudge", asks=True),
    )
}
RULES = tuple(name for name, kind in JUDGES.items() if kind.rule)
# Those that can judge other tools' files: these have no tests, and --rejudge names no model.
OF_FILES = tuple(name for name, kind in JUDGES.items() if kind.needs != "tests")
REJUDGES = tuple(name for name in OF_FILES if not JUDGES[name].asks)

RUNTIMES: Mapping[str, RuntimeKind] = {
    kind.name: kind
    for kind in (
        RuntimeKind("docker", "smallscale_ci.generate.docker:build", images=True, trains=True),
        RuntimeKind("local", "smallscale_ci.generate.local:build", trains=True),
        RuntimeKind("ray", "smallscale_ci.generate.ray:build", here=False),
    )
}

# Name → MODULE:FUNCTION that finds one on this machine; the strongest first.
SANDBOXES: Mapping[str, str] = {
    "container": "smallscale_ci.sandbox.container:find",
    "bubblewrap": "smallscale_ci.sandbox.bubblewrap:find",
    "namespaces": "smallscale_ci.sandbox.namespaces:find",
}

EXPORTS: Mapping[str, ExportKind] = {
    kind.name: kind
    for kind in (
        ExportKind("inspect", f"{_INTEROP}.to_inspect:write"),
        ExportKind("lm-eval", f"{_INTEROP}.to_lm_eval:write"),
        ExportKind("hub", f"{_INTEROP}.to_hub:write", datasets=True),
    )
}

STEPS: Mapping[str, StepKind] = {
    kind.name: kind
    for kind in (
        StepKind("sample", "smallscale_ci.candidate.steps:sample", "judgements.parquet"),
        StepKind("pairs", "smallscale_ci.candidate.steps:pairs", "pairs.json", ("sample",)),
        StepKind("train", "smallscale_ci.candidate.steps:train", "model", ("pairs",)),
        StepKind("parent", "smallscale_ci.candidate.steps:parent", "summary.json"),
        StepKind(
            "verdict", "smallscale_ci.candidate.steps:verdict", "verdict.json", ("train", "parent")
        ),
    )
}


def imported(place: str) -> Any:
    """What MODULE:NAME names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
