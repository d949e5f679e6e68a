"""What may be requested under ``--rules git:REF``, and which policy applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from smallscale_ci.config import folders, load
from smallscale_ci.config.base import NamedConfig
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.rules import Rules
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import UsageError
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.folder import NO_BASELINE
from smallscale_ci.worker.engines.registry import Source

_DEFAULT = "default"  # policy for suites whose own one does not count


def held(request: Request, settings: Settings, say: Callable[[str], None]) -> Request:
    """``request`` with suite, profile, policy and baseline of the rules; unchanged without rules.

    Raises ``UsageError`` for what would change the rules.
    """
    rules = settings.rules
    if rules is None:
        return request
    if request.overrides:
        raise UsageError(
            f"--set {request.overrides[0]} changes a rule, and --rules git:{rules.ref} fixes them.",
            "Leave out --set; the rules can be changed only in that commit.",
        )
    suite = _located(SuiteConfig, request.suite, rules)
    profile = _located(EngineProfile, request.profile, rules)
    if _is_added(EngineProfile, profile, settings):
        found = load.load(EngineProfile, profile, settings.roots)
        if found.engine_kind.source is not Source.CHECKPOINT:
            raise UsageError(
                f"git:{rules.ref} has no profile '{profile}', and its engine, {found.engine}, "
                "loads no checkpoint.",
                "Use a profile of the rules, or one whose engine loads the checkpoint.",
            )
        say(f"rules: git:{rules.ref} has no profile '{profile}'; the one added here is used")
    policy = policy_for(request.gate, suite, settings, say)
    baseline = request.baseline
    if baseline != NO_BASELINE:
        baseline = rules.baseline(baseline)
    return replace(request, suite=suite, profile=profile, gate=policy, baseline=baseline)


def policy_for(
    gate: str | None, suite: str | None, settings: Settings, say: Callable[[str], None]
) -> str:
    """The name of the policy under the rules: the one requested, or that of ``suite``.

    The ``gate:`` of a suite that the rules lack counts only if they have that policy. Raises
    ``UsageError`` for a policy given as a file, and for one that the rules lack.
    """
    rules = settings.rules
    ref = f"git:{rules.ref}" if rules else ""
    known = folders.names(GatePolicy, settings.fixed)
    if gate is not None:
        if gate not in known:
            raise UsageError(
                f"--gate {gate}: {ref} has no such policy, and --rules takes none from elsewhere.",
                f"It has: {', '.join(known)}.",
            )
        return gate
    if suite is None:
        return _DEFAULT
    wanted = load.load(SuiteConfig, suite, settings.roots).gate
    if not _is_added(SuiteConfig, suite, settings):
        return wanted
    policy = wanted if wanted in known else _DEFAULT
    why = "" if policy == wanted else f", not by its own '{wanted}', which is not there either"
    say(f"rules: {ref} has no suite '{suite}'; it is judged by the policy '{policy}'{why}")
    return policy


def _located(model: type[NamedConfig], name: str, rules: Rules) -> str:
    """A name unchanged, a file as the commit's version. Raises ``UsageError`` for other files."""
    if not folders.is_path(name):
        return name
    found = rules.at_commit(name)
    if found is None:
        raise UsageError(
            f"git:{rules.ref} has no file {name} in its configs/.",
            f"Put it into configs/{model.folder}/ and give its name, or give a file of that "
            "commit.",
        )
    return str(found)


def _is_added(model: type[NamedConfig], name: str, settings: Settings) -> bool:
    return not folders.is_path(name) and name not in folders.names(model, settings.fixed)
