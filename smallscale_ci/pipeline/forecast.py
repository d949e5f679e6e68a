"""The expected cost of a run, from the stored answers of its baseline."""

from __future__ import annotations

from dataclasses import dataclass

from smallscale_ci.config.run import RunConfig
from smallscale_ci.report.formats import count, figures
from smallscale_ci.run.run import Run
from smallscale_ci.suite.model import Suite

_WHOLE_MINUTES = 100  # from here on two figures would be too few


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of the epochs before the first decision; ``None``: unknown without a baseline."""

    problems: int
    samples: int
    tokens: float | None
    minutes: float | None

    def sentence(self) -> str:
        """``600 samples, about 9,800 tokens, 2.1 min``."""
        parts = [count(self.samples, "sample")]
        if self.tokens is not None:
            parts.append(f"about {self.tokens:,.0f} tokens")
        if self.minutes is not None:
            whole = self.minutes >= _WHOLE_MINUTES
            parts.append(f"{self.minutes:,.0f} min" if whole else f"{figures(self.minutes, 2)} min")
        return ", ".join(parts)


def forecast(config: RunConfig, suite: Suite, baseline: Run | None) -> Forecast:
    """The expected cost of the first epochs of a run of ``config``.

    Tokens are the baseline's for the same problems. Minutes are known if the baseline was made
    under the same profile, from its engine's start and its tokens per second.
    """
    epochs, samples = config.epochs, config.epochs * suite.samples_per_epoch
    if baseline is None:
        return Forecast(len(suite.problems), samples, None, None)
    known = baseline.samples.mean_tokens()
    usual = sum(known.values()) / max(len(known), 1)
    repeats = suite.repeats
    tokens = epochs * sum(
        repeats[problem.task] * known.get(problem.id, usual) for problem in suite.problems
    )
    minutes, manifest = None, baseline.manifest
    if manifest is not None and manifest.profile == config.profile.name:
        made = manifest.tokens.completion
        if made and manifest.timings.generate_s:
            seconds = manifest.timings.start_s + tokens * manifest.timings.generate_s / made
            minutes = seconds / 60
    return Forecast(len(suite.problems), samples, tokens, minutes)
