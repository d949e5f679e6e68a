"""A share, corrected for the errors of the judge that classified each case.

The estimate is Rogan and Gladen's (1978, American Journal of Epidemiology 107, 71-76), the interval
Lang and Reiczigel's (2014, Preventive Veterinary Medicine 113, 13-22): sensitivity and specificity
are estimates themselves, from two independent samples. Instead of z² trials added to the share, its
own clustered interval is used: its middle stands for their share, half its width for
z standard errors. Some of the cases may have been counted as "no" without being judged.
"""

from __future__ import annotations

import math

from scipy import special


def corrected(
    share: tuple[float, float, float],
    yes: tuple[int, int],
    no: tuple[int, int],
    *,
    judged: float = 1.0,
    each_side: float = 0.025,
) -> tuple[float, float, float]:
    """Value, low and high of the true share among all cases.

    ``share`` is (value, low, high) of the cases classified as yes, at ``each_side``; ``judged``
    is the judged share of all cases. ``yes`` and ``no`` count labelled cases: (classified as
    labelled, labelled so). Raises ``ValueError`` if these are no better than chance.
    """
    z = -float(special.ndtri(each_side))
    value, low, high = share
    kept = yes[0] / yes[1] + no[0] / no[1] - 1
    if kept <= 0:
        raise ValueError("judged no better than chance")
    point = (value - judged * (1 - no[0] / no[1])) / kept
    sensitivity, sensitivity_var = _adjusted(*yes)
    specificity, specificity_var = _adjusted(*no)
    kept = sensitivity + specificity - 1
    if kept <= 0:  # too few labels to tell anything
        return _within(point, judged), 0.0, judged
    centre = ((low + high) / 2 - judged * (1 - specificity)) / kept
    rest = judged - centre
    shift = 2 * z * z * (centre * sensitivity_var - rest * specificity_var)
    variance = ((high - low) / 2 / z) ** 2
    variance += centre**2 * sensitivity_var + rest**2 * specificity_var
    half = z * math.sqrt(variance) / kept
    value = _within(point, judged)
    ends = _within(centre + shift - half, judged), _within(centre + shift + half, judged)
    return value, min(ends[0], value), max(ends[1], value)


def _adjusted(count: int, of: int) -> tuple[float, float]:
    """A rate with one more case of each kind, and its variance."""
    rate = (count + 1) / (of + 2)
    return rate, rate * (1 - rate) / (of + 2)


def _within(value: float, highest: float) -> float:
    return min(max(value, 0.0), highest)
