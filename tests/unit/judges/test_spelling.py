"""Different spellings of one option's text, and different texts that look alike."""

from __future__ import annotations

import pytest

from smallscale_ci.judges.spelling import words


def folded(text: str) -> tuple[str, ...]:
    return words(text.casefold())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("40 newtons", "40 N"),
        ("8 Meters", r"$8\,\mathrm{m}$"),
        ("3 kilometres", "3 km"),
        ("9.8 meters per second squared", "9.8 m/s²"),
        ("9.8 m/s^2", r"$9.8\ \mathrm{m/s^{2}}$"),
        ("6 litres", "6 L"),
        ("$2,400", "2400 dollars"),
        ("10⁻⁶ m", "$10^{-6}$ m"),
        ("2 x 10^5", r"$2 \times 10^5$"),
        ("H₂SO₄", r"\mathrm{H_2SO_4}"),
        ("Fe³⁺", r"$\text{Fe}^{3+}$"),
        ("x² + 1", "$x^2+1$"),
        ("2√5", r"$2\sqrt{5}$"),
        ("x ≥ 2", r"$x \geq 2$"),
        (r"$\frac{\pi}{3}$", "π/3"),
        ("½", "1/2"),
        ("5–7", "5-7"),
    ],
)
def test_one_spelling(first: str, second: str) -> None:
    assert folded(first) == folded(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("40 newtons", "40 joules"),
        ("8 meters", "8 minutes"),
        ("10⁻⁶", "10⁶"),
        ("x²", "x2"),
        ("3 m/s", "3 m/s²"),
        ("Fe³⁺", "Fe²⁺"),
        ("5 second", "second 5"),
    ],
)
def test_different_things(first: str, second: str) -> None:
    assert folded(first) != folded(second)
