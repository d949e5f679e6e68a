"""What a run will take, shown before it starts: from the stored answers of its baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smallscale_ci.pipeline.prepare import Plan

# Tokens of a rank, below which compilation and CUDA graphs do not pay back: with a model of 135
# million parameters on an H200 they take 8 s with warm caches and save 36 µs a token.
_FEW_TOKENS = 150_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the epochs before the first decision take; ``None``: no baseline says so."""

    problems: int
    samples: int
    tokens: float | None
    minutes: float | None

    def sentence(self) -> str:
        """``600 samples, about 9,800 tokens, 2.1 min``."""
        parts = [f"{self.samples:,} samples"]
        if self.tokens is not None:
            parts.append(f"about {self.tokens:,.0f} tokens")
        if self.minutes is not None:
            parts.append(
                f"{self.minutes:.2g} min" if self.minutes < 100 else f"{self.minutes:,.0f} min"
            )
        return ", ".join(parts)


def forecast(plan: Plan) -> Forecast:
    """What the first epochs of ``plan`` take.

    Tokens are the baseline's for the same problems. Minutes count where the baseline was made
    under the same profile: its engine's start, and its tokens a second.
    """
    suite, epochs, baseline = plan.suite, plan.config.epochs, plan.baseline
    samples = epochs * suite.samples_per_epoch
    if baseline is None:
        return Forecast(len(suite.problems), samples, None, None)
    known = baseline.samples.mean_tokens()
    usual = sum(known.values()) / max(len(known), 1)
    repeats = suite.repeats
    tokens = epochs * sum(
        repeats[problem.task] * known.get(problem.id, usual) for problem in suite.problems
    )
    minutes, manifest = None, baseline.manifest
    if manifest is not None and manifest.profile == plan.config.profile.name:
        made = manifest.tokens.completion
        if made and manifest.timings.generate_s:
            seconds = manifest.timings.start_s + tokens * manifest.timings.generate_s / made
            minutes = seconds / 60
    return Forecast(len(suite.problems), samples, tokens, minutes)


def quick(plans: Sequence[Plan]) -> Mapping[str, Any]:
    """Engine arguments that start the one engine of ``plans`` sooner, though it generates slower.

    Empty where many tokens are expected or none are known, where the profile says how to start, and
    where the run must be like its baseline: deterministic, or with equal settings by its policy.
    """
    profile = plans[0].config.profile
    kind = profile.engine_kind
    chosen = profile.deterministic or not profile.engine_args.keys().isdisjoint(kind.paced)
    if not kind.quick or chosen or any(plan.config.gate.same for plan in plans):
        return {}
    tokens = [forecast(plan).tokens for plan in plans]
    few = sum(each or 0 for each in tokens) < _FEW_TOKENS * profile.ranks
    return dict(kind.quick) if few and None not in tokens else {}
