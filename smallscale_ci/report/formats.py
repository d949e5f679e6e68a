"""The formats of numbers in all reports, each in one place.

Rates are shown in percent, their differences in percentage points (pp); token differences, stored
as log ratios of means, as relative change. Unknown values (NaN) are shown as a dash.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from smallscale_ci.records import Check, Estimate, Metric, Scale, TaskSummary, VerdictKind

UNKNOWN = "–"
CORE = tuple(metric for metric in Metric if metric.core)
_WHOLE = 999.95  # from here on a decimal is left out: it would be shown as 1,000.0


def number(value: float | str) -> str:
    """A plain quantity: ``1,234``, ``12.3``, ``0.0123``."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return UNKNOWN
    if value == int(value) or abs(value) >= _WHOLE:
        return _minus(f"{value + 0.0:,.0f}")
    return _minus(f"{value:,.1f}" if abs(value) >= 1 else f"{value:.3g}")


def figures(value: float, most: int) -> str:
    """``value`` in ``most`` significant figures, never with an exponent: ``120``, ``0.25``."""
    return _known(value, lambda v: f"{Decimal(f'{v:.{most}g}'):,f}")


def rate(value: float) -> str:
    """A fraction as ``52.3%``."""
    return _known(value, lambda v: f"{100 * v:z.1f}%")


def tokens(value: float) -> str:
    """A mean number of tokens: ``98.4``, ``1,234``."""
    return _known(value, lambda v: f"{v:,.1f}" if v < _WHOLE else f"{v:,.0f}")


def count(number: float, noun: str) -> str:
    """``1 sample``, ``1,234 samples``, ``1.5 epochs``."""
    shown = f"{int(number):,}" if number % 1 == 0 else f"{number:,g}"
    return f"{shown} {noun}{'' if number == 1 else 's'}"


def p_value(value: float) -> str:
    """``p = 0.012`` or ``p < 0.001``."""
    if not math.isfinite(value):
        return f"p {UNKNOWN}"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def level(metric: Metric, value: float) -> str:
    """A level of ``metric`` on one side."""
    match metric.scale:
        case Scale.RATE:
            return rate(value)
        case Scale.LENGTH:
            return tokens(value)
        case unknown:
            assert_never(unknown)


def task_level(metric: Metric, task: TaskSummary) -> str:
    """The level of a task; a dash if it is not known."""
    estimate = task.levels.get(metric)
    return level(metric, estimate.value) if estimate and estimate.n else UNKNOWN


def age(at: str, now: datetime) -> str:
    """How long ago the ISO time ``at`` was: ``today``, ``12 days``; a dash for no time."""
    try:
        days = (now - datetime.fromisoformat(at)).days
    except (ValueError, TypeError):
        return UNKNOWN
    return "today" if days < 1 else f"{days} day{'s' if days > 1 else ''}"


def columns(
    sides: Sequence[Mapping[Metric, Estimate]], *, core: Sequence[Metric] = CORE, zeros: bool = True
) -> tuple[Metric, ...]:
    """The metrics in a table of levels: ``core`` ones, and others that are known.

    A model without thinking has no column for thinking or the answer; without ``zeros``,
    neither has a rate that is zero throughout.
    """

    def has(metric: Metric, *, more: bool) -> bool:
        found = [levels[metric] for levels in sides if metric in levels]
        return any(one.n and (one.value > 0 or not more) for one in found)

    thinks = has(Metric.THINKING, more=True)
    shown = [
        metric
        for metric in Metric
        if not metric.core
        and (thinks if metric.scale is Scale.LENGTH else has(metric, more=not zeros))
    ]
    return (*core, *shown)


def level_interval(metric: Metric, estimate: Estimate | None) -> str:
    """``52.3% [49.1, 55.5]``; a dash if it is not known."""
    if estimate is None or not estimate.n:
        return UNKNOWN
    low, high = (level(metric, v).removesuffix("%") for v in (estimate.low, estimate.high))
    return f"{level(metric, estimate.value)} [{low}, {high}]"


def by_outcome(task: TaskSummary, metric: Metric) -> str:
    """A mean length over right and over wrong answers: ``812 · 1,604``."""
    sides = task.lengths.get(metric.value, {})
    found = [sides.get(side) for side in ("right", "wrong")]
    return " · ".join(UNKNOWN if value is None else tokens(value) for value in found)


def unit(metric: Metric) -> str:
    """The unit of a difference of ``metric``: ``%`` of the mean, or `` pp``."""
    return "%" if metric.scale is Scale.LENGTH else " pp"


def change(metric: Metric, value: float) -> float:
    """A stored difference as displayed: percentage points, or relative change in percent."""
    if metric.scale is Scale.RATE:
        return 100 * value
    return math.inf if value >= 100 else 100 * math.expm1(value)


def difference(check: Check) -> str:
    """The difference of a check, formatted by ``changed``."""
    return changed(check.metric, check.estimate)


def changed(metric: Metric, estimate: Estimate) -> str:
    """``−12.3 pp [−15.1, −9.4]``, ``+34.2% [+30.1, +38.4]``."""
    value, low, high = (
        signed(change(metric, v)) for v in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value}{unit(metric)} [{low}, {high}]"


def difference_title(checks: Iterable[Check]) -> str:
    """``difference [90%]``, or ``difference [90–96.6%]`` if the intervals' levels differ."""
    levels = sorted(1 - 2 * check.pass_boundary for check in checks)
    shown = dict.fromkeys(f"{100 * level:.3g}" for level in (levels[0], levels[-1]))
    return f"difference [{'–'.join(shown)}%]"


def margin(check: Check) -> str:
    """``2 pp`` or ``5%``; a dash for a check that is shown but not gated."""
    if not check.gated:
        return UNKNOWN
    return f"{figures(100 * check.margin, 3)}{unit(check.metric)}"


def counts(check: Check) -> bool:
    """Whether a check's verdict matters: a guard rail's does only if it has regressed."""
    return check.gated and (not check.guard or check.kind is VerdictKind.REGRESSED)


def verdict_word(check: Check) -> str:
    """The verdict of a check, or that it does not count."""
    if counts(check):
        return check.kind.value
    return "guard held" if check.gated else "not gated"


def used_margin(check: Check) -> tuple[float, float, float]:
    """Loss as a multiple of the margin, (low, value, high): 1 is the margin, below 0 is better.

    This puts all metrics on one axis.
    """
    estimate = check.estimate
    ends = (estimate.low, estimate.value, estimate.high)
    scale = check.metric.worse * check.metric.limit(check.margin)
    if not scale or not math.isfinite(scale):
        return (math.nan, math.nan, math.nan)
    low, value, high = sorted(end / scale for end in ends)
    return low, value, high


def _known(value: float, shown: Callable[[float], str]) -> str:
    return _minus(shown(value)) if math.isfinite(value) else UNKNOWN


def signed(value: float) -> str:
    """A difference with its sign and one decimal; ``0.0`` without a sign."""
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    text = _known(value, lambda v: f"{v:+.1f}" if abs(v) < _WHOLE else f"{v:+,.0f}")
    return "0.0" if text in {"+0.0", "−0.0"} else text


def _minus(text: str) -> str:
    return text.replace("-", "−")
