"""Resuming a run: finding it, checking it, and placing it where it can run now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from smallscale_ci.config import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.run import RunConfig
from smallscale_ci.config.seams import AUTO
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import SmallscaleError, UsageError
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.pipeline import variables
from smallscale_ci.pipeline.prepare import Plan, complete
from smallscale_ci.pipeline.request import Request, absolute, configure, ranks_for
from smallscale_ci.run import chain
from smallscale_ci.run.folder import NO_BASELINE, RunFolder, open_run
from smallscale_ci.run.manifest import COMPLETE

# Keys of a profile that change no result.
_BOUNDS = ("container", "start_timeout_s", "stall_timeout_s")


def resume(
    path: Path, settings: Settings, *, say: Callable[[str], None], request: Request | None = None
) -> Plan:
    """The plan of a run that was started.

    Its configuration is that of its start, except for what changes no result: the bounds of
    containers and time (if they were raised in the profile because a run hit them, that run is
    meant), and the GPUs and the number of ranks that ``request`` names.
    Raises ``UsageError`` if it is complete, if its model or suite has changed, and if
    ``request`` names another model, another policy or other template variables.
    """
    run = open_run(path)
    before = run.read_manifest()
    chain.check(path, before)
    if not run.is_undecided():
        run.refuse_complete()
    config = _bounded_anew(run.read_config(), settings)
    if request is not None:
        _refuse_another(path, config, request, settings)
        config = _placed_anew(config, request)
    resolved = complete(config, settings, say, run)
    found, known = resolved.checkpoint, before.checkpoint
    whole = found.weights_hash[: len(known.weights_hash) or None]  # older manifests have 16 digits
    changed = [
        name
        for name, now, then in (
            ("weights", whole, known.weights_hash),
            ("config.json", found.config_hash, known.config_hash),
            ("generation_config.json", found.generation_hash, known.generation_hash),
            ("tokenizer", found.tokenizer_hash, known.tokenizer_hash),
            ("chat template", found.template_hash, known.template_hash),
            ("suite", resolved.suite.hash, before.suite.hash),
            ("image", resolved.place.digest, before.runtime.image),
        )
        if now != then
    ]
    if changed:
        raise UsageError(
            f"The {' and the '.join(changed)} changed since {path} was started.",
            "Start a new run: leave out --resume.",
        )
    return resolved


def unfinished(request: Request, settings: Settings) -> Path | None:
    """The latest unfinished run with this configuration that no process is working on."""
    config = configure(request, settings)
    for path, before in _all_unfinished(settings):
        if _without_choices(before, request) == _without_choices(config, request):
            return path
    return None


def only_unfinished(settings: Settings, *, compares: bool) -> Path:
    """The only unfinished run: of ``eval`` if ``compares``, else of ``generate``.

    Raises ``UsageError`` if there is none, or more than one.
    """
    found = [
        path
        for path, config in _all_unfinished(settings)
        if compares == (config.baseline != NO_BASELINE)
    ]
    if len(found) == 1:
        return found[0]
    command = "eval" if compares else "generate"
    if not found:
        raise UsageError(
            f"No unfinished run of {command} is in {settings.runs}.",
            f"Start one: smallscale {command} MODEL",
        )
    raise UsageError(
        f"{len(found)} runs in {settings.runs} are unfinished.",
        f"Name one of them: {', '.join(f'--resume {quote(str(path))}' for path in found[:3])}",
    )


def _all_unfinished(settings: Settings) -> Iterator[tuple[Path, RunConfig]]:
    """Unfinished runs that no process is working on, the newest first."""
    for manifest in sorted(settings.runs.glob("*/manifest.json"), reverse=True):
        run = RunFolder(manifest.parent)
        try:
            is_complete = run.read_manifest().status is COMPLETE and not run.is_undecided()
            if is_complete or WorkFolder(run.work).is_held():
                continue
            yield run.path, run.read_config()
        except SmallscaleError:
            continue  # damaged, or of another version: nothing to resume


def _without_choices(config: RunConfig, request: Request) -> RunConfig:
    """``config`` without its name, its bounds, and what `auto` resolved to."""
    unset: dict[str, Any] = dict.fromkeys(_BOUNDS)
    unset["runtime"] = request.runtime or AUTO
    profile = config.profile.model_copy(update=unset)
    return config.model_copy(update={"name": "", "profile": profile})


def _refuse_another(path: Path, config: RunConfig, request: Request, settings: Settings) -> None:
    """Refuse a request that names something else than the run was started with."""
    started = config.suite.template
    if variables.merged(started, {}, request.template) != started:
        raise UsageError(
            f"{path} was started with other template variables.",
            "Leave out --template, or start a new run: leave out --resume.",
        )
    if request.model and config.model not in {request.model, absolute(request.model)}:
        raise UsageError(
            f"{path} was started with the model {config.model}, not {request.model}.",
            "Name that model, or start a new run: leave out --resume.",
        )
    for option, before, now in (
        ("--limit", config.limit, request.limit),
        ("--set", config.overrides, request.overrides),
    ):
        if now and now != before:
            raise UsageError(
                f"{path} was started with another {option}.",
                f"Leave out {option}, or start a new run: leave out --resume.",
            )
    if request.gate and load.load(GatePolicy, request.gate, settings.roots) != config.gate:
        raise UsageError(
            f"{path} was started under the policy {config.gate.name}, not {request.gate} as it is "
            "now.",
            "Leave out --gate, or start a new run: leave out --resume.",
        )


def _bounded_anew(config: RunConfig, settings: Settings) -> RunConfig:
    """``config`` with its profile's current bounds, if the profile still exists."""
    try:
        now = load.load(EngineProfile, config.profile.name, settings.roots)
    except SmallscaleError:
        return config
    profile = config.profile.model_copy(update={name: getattr(now, name) for name in _BOUNDS})
    return config.model_copy(update={"profile": profile})


def _placed_anew(config: RunConfig, request: Request) -> RunConfig:
    """``config`` with the GPUs and the number of ranks in the request, if any."""
    named = ranks_for(replace(request, tensor_parallel=None), config.profile)
    ranks = request.ranks or named or config.profile.ranks
    profile = config.profile.model_copy(update={"ranks": ranks})
    return config.model_copy(update={"profile": profile, "gpus": request.gpus or config.gpus})
