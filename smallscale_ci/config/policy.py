"""A gate policy: margins, error rates, looks, and what must be comparable."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, assert_never

from pydantic import Field, field_validator, model_validator

from smallscale_ci.config.base import Config, Fraction, Name, NamedConfig
from smallscale_ci.records import Metric

Alpha = Annotated[float, Field(gt=0, lt=0.5)]
Margin = Annotated[float, Field(gt=0, le=1)]  # of a rate
Growth = Annotated[float, Field(gt=0, le=10)]  # of a length
_STACK = re.compile(r"machine\.device|engine\.settings(\.\w+)?")


class Margins(Config):
    """The largest acceptable loss per metric; ``None``: the metric is shown but not gated."""

    accuracy: Margin | None = 0.02  # absolute: 0.02 is two points
    tokens: Growth | None = 0.05  # relative growth of the mean
    truncation: Margin | None = 0.01
    thinking: Growth | None = None  # tokens before the answer
    answer: Growth | None = None  # tokens of the answer
    looping: Margin | None = None  # completions that end in a loop
    missing: Margin | None = None  # completions without an answer: UNPARSED or TRUNCATED

    def any(self) -> bool:
        """Whether any metric is gated."""
        return any(self.of(metric) for metric in Metric)

    def of(self, metric: Metric) -> float | None:  # noqa: PLR0911 - a case for each metric
        """The margin of ``metric``."""
        match metric:
            case Metric.ACCURACY:
                return self.accuracy
            case Metric.TOKENS:
                return self.tokens
            case Metric.TRUNCATION:
                return self.truncation
            case Metric.THINKING:
                return self.thinking
            case Metric.ANSWER:
                return self.answer
            case Metric.LOOPING:
                return self.looping
            case Metric.MISSING:
                return self.missing
            case unknown:
                assert_never(unknown)


class MonitorConfig(Config):
    """What a candidate's thinking must still contain: shown, never gated."""

    steps: Name | None = None  # key in the problems' meta; all of its texts are required
    patterns: tuple[str, ...] = ()  # regular expressions, all of which must match
    model: str = ""  # model at the judge endpoint, asked about the first answer to each problem

    @model_validator(mode="after")
    def _is_one_rule(self) -> MonitorConfig:
        if sum(map(bool, (self.steps, self.patterns, self.model))) != 1:
            raise ValueError("give one of steps, patterns and model")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error
        return self


class GatePolicy(NamedConfig):
    """``configs/gates/NAME.yaml``: the losses to detect and the error rates."""

    folder: ClassVar[str] = "gates"
    kind: ClassVar[str] = "gate policy"

    alpha_pass: Alpha = 0.05
    alpha_fail: Alpha = 0.01
    tolerated: Annotated[float, Field(ge=0, le=1)] = 0.25  # share of a margin that may be lost
    margins: Margins = Margins()
    task_margins: dict[str, Margins] = {}  # task → margins that replace the general ones
    gated: Literal["tasks", "mean"] = "tasks"
    tokens_direction: Literal["increase", "band"] = "increase"
    max_epochs: Annotated[int, Field(ge=1, le=64)] = 4
    looks_per_epoch: Literal[1, 2, 4] = 1  # fewer for tasks with few problems
    on_inconclusive: Literal["extend", "fail", "warn"] = "extend"
    min_judged: Fraction = 0.99  # share of planned samples that must not be ERRORED or missing
    allow: tuple[str, ...] = ()  # manifest keys that may differ
    # Keys that must agree, of those that are otherwise only shown: machine.device,
    # engine.settings, engine.settings.NAME.
    same: tuple[str, ...] = ()
    monitor: MonitorConfig | None = None  # of candidates: what pruned thinking must still contain

    @field_validator("same")
    @classmethod
    def _can_be_required(cls, same: tuple[str, ...]) -> tuple[str, ...]:
        for key in same:
            if not _STACK.fullmatch(key):
                raise ValueError(
                    f"'{key}' cannot be required; known are machine.device, engine.settings and "
                    "engine.settings.NAME"
                )
        return same

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> GatePolicy:
        every = (self.margins, *self.task_margins.values())
        on = [margins.any() for margins in every]
        if not any(on):
            raise ValueError("all margins are off, so the policy gates nothing")
        if self.gated == "mean" and not on[0]:
            raise ValueError(
                "gated: mean asks the mean over tasks to pass, but all of its margins are off: "
                "give one under margins, or say gated: tasks"
            )
        extends = self.on_inconclusive == "extend" or "max_epochs" not in self.model_fields_set
        if self.max_epochs > 1 and not extends:
            raise ValueError(
                f"on_inconclusive: {self.on_inconclusive} ends after one look, but max_epochs "
                f"is {self.max_epochs}; say extend, or leave max_epochs out"
            )
        return self
