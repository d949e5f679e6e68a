"""Which decimals stand for which values."""

from __future__ import annotations

from fractions import Fraction

from smallscale_ci.judges.mathematics.quantity import Decimal

_NOISY_DIGITS = 14  # as floating point prints 0.30000000000000004
_ENOUGH_DIGITS = 6  # of a decimal for an exact value that has no short one
_GOLD_DIGITS = 4  # of a decimal gold for an exact answer


def rounded(  # noqa: PLR0911 - rule by rule
    gold: Fraction,
    answer: Fraction,
    about: Decimal | None,
    answer_about: Decimal | None,
    *,
    irrational: bool = False,
) -> bool:
    """Whether one is a decimal approximation of the other that people accept.

    Two decimals: they differ by the noise of floating point, or both are a simple fraction rounded
    and the answer has more digits (36.66667 for 36.6667). A decimal for an exact value that has no
    short decimal: six digits, correct to the last (rounded or cut off). An exact value that has no
    short decimal for a decimal gold: the gold is its rounding, to four digits or more, or shows
    what is repeated (0.33).
    """
    gap = abs(gold - answer)
    if about and answer_about:
        if max(about.digits, answer_about.digits) >= _NOISY_DIGITS and gap <= abs(gold) / 10**12:
            return True
        finer = answer_about.last_place < about.last_place
        simple = _repeating(about) if finer else None
        return simple is not None and 2 * abs(simple - answer) <= answer_about.last_place
    if answer_about:
        if not irrational and is_short(gold):
            return answer_about.digits >= 10 and gap <= abs(gold) / 10**9
        cut_off = abs(answer) < abs(gold) and gap < answer_about.last_place
        correct = cut_off or 2 * gap <= answer_about.last_place
        return answer_about.digits >= _ENOUGH_DIGITS and correct
    if about:
        if (not irrational and is_short(answer)) or gap * 2 > about.last_place:
            return False
        return about.digits >= _GOLD_DIGITS or (not irrational and _shows_thirds(about, answer))
    return False


def is_short(value: Fraction) -> bool:
    """Whether a person would write ``value`` as a decimal in full: at most six places."""
    return (value * 10**6).denominator == 1


def _repeating(about: Decimal) -> Fraction | None:
    """The fraction that ``about`` is a rounding of, where three repeated digits show it."""
    digits = str(abs(int(about.value / about.last_place)))
    if len(digits) < 4 or len(set(digits[-4:-1])) > 1 or digits[-2] in "09":
        return None
    kept = Fraction(int(digits[:-1]), 1) * about.last_place * 10
    simple = kept + Fraction(int(digits[-2]), 9) * about.last_place * 10
    simple = -simple if about.value < 0 else simple
    return simple if 2 * abs(simple - about.value) <= about.last_place else None


def _shows_thirds(about: Decimal, value: Fraction) -> bool:
    """Whether ``about`` has two places or more of a value that repeats one digit."""
    return about.last_place <= Fraction(1, 100) and (value * 9 * 10**2).denominator == 1
