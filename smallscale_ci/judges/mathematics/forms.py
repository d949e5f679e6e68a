"""What kind of thing an answer is: quantity, tuple, set, interval, equation, words and so on."""

from __future__ import annotations

from dataclasses import dataclass

from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar, Words


@dataclass(frozen=True, slots=True)
class Group:
    """Several things: "list", "set", "()", "[]", "(]", "[)", "vector", "row" or "column"."""

    kind: str
    items: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """Parts joined by ∪, or by "or" between conditions."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A set without another."""

    whole: Form
    removed: Form


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of entries, at least two by two."""

    rows: tuple[tuple[Form, ...], ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """``sides[0] operators[0] sides[1] …``; ``texts`` are the sides as they were written."""

    sides: tuple[Form, ...]
    operators: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day in seconds; ``half`` is "am", "pm" or ""."""

    seconds: int
    half: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """``a : b : …``."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Based:
    """Digits of a number written in another base."""

    digits: str
    base: str


@dataclass(frozen=True, slots=True)
class Congruence:
    """``name ≡ value`` modulo ``modulus``; the remainder itself where ``operation``."""

    name: str
    value: Scalar
    modulus: Scalar
    operation: bool


@dataclass(frozen=True, slots=True)
class Cases:
    """Values with the conditions under which they hold; ``None`` is "otherwise"."""

    branches: tuple[tuple[Form, Form | None], ...]


Form = (
    Cases
    | Congruence
    | Scalar
    | Group
    | Union
    | Difference
    | Matrix
    | Relation
    | Time
    | Ratio
    | Based
    | Words
    | Opaque
)

INFINITE = Scalar("∞", ("infinity",), None)
INFINITE_LOW = Scalar("-∞", ("-", ("infinity",)), None)
