"""The runs of a command: new ones, or the one to resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from smallscale_ci.cli.command import Context

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pipeline.prepare import Plan
    from smallscale_ci.pipeline.request import Request

_LATEST = "auto"  # --resume auto: the unfinished run of the same configuration, or the only one


def plans_of(
    context: Context,
    request: Request,
    names: Sequence[str],
    settings: Settings,
    resume: Path | None,
) -> list[Plan]:
    """The plan of each suite, all checked before any engine is loaded."""
    from smallscale_ci.cli import suites
    from smallscale_ci.errors import UsageError

    if len(names) > 1 and resume is not None and (str(resume) != _LATEST or not request.model):
        raise UsageError(
            f"--resume {resume} resumes one run, but {len(names)} suites are named.",
            "Resume each run by itself, or name MODEL with --resume auto.",
        )
    requests = [replace(request, suite=name) for name in names]
    plans = [_plan(context, each, settings, resume) for each in requests]
    suites.refuse_same(plans)
    return plans


def _plan(context: Context, request: Request, settings: Settings, resume: Path | None) -> Plan:
    from smallscale_ci.errors import UsageError
    from smallscale_ci.pipeline import prepare
    from smallscale_ci.pipeline import resume as resuming
    from smallscale_ci.pipeline.ruled import held
    from smallscale_ci.run.folder import NO_BASELINE

    say = context.out.say
    if settings.rules is not None:
        if resume is not None:
            raise UsageError(
                "--resume keeps the rules of the run folder, so --rules cannot be added.",
                "Leave out one of them.",
            )
        request = held(request, settings, say)
    if resume is not None and str(resume) == _LATEST and not request.model:
        resume = resuming.only_unfinished(settings, compares=request.baseline != NO_BASELINE)
    if resume is not None and str(resume) != _LATEST:
        return resuming.resume(resume, settings, say=say, request=request)
    if not request.model:
        raise UsageError(
            "Missing argument MODEL.",
            "Give an alias (smollm2), a checkpoint folder, or a hub id org/name[@revision].",
        )
    if settings.rules is not None:
        return prepare.plan(request, settings, say=say)
    started = resuming.unfinished(request, settings)
    if started is not None and resume is not None:
        try:
            return resuming.resume(started, settings, say=say)
        except UsageError as error:  # the model or the data changed: it cannot be completed
            say(f"not resumed: {error.message}")
    elif started is not None:
        typed = quote(str(started))
        say(f"a run with the same configuration is unfinished: continue with --resume {typed}")
    return prepare.plan(request, settings, say=say)
