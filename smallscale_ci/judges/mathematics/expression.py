r"""Expressions: cleaned text → a tree → a value. Nothing is evaluated but the tree's own nodes.

A tree is nested tuples ``(operator, *arguments)``. Parsing and exact evaluation are bounded by
the limits below; evaluation with symbols is in ``numeric``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]

MAX_NODES = 600
MAX_DEPTH = 40
MAX_DIGITS = 400  # of a number as it is written
MAX_BITS = 16_384  # of an exact value

FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "ln", "log", "exp"}
    | {"arcsin", "arccos", "arctan", "arccot"}
)
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "cosec": "csc"}
PLAIN_NAMES = frozenset({"sqrt", "pi", "frac", "cbrt", "abs", "theta", "alpha", "beta", "binom"})
_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
    | {"lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}
    | {"hbar", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"}
)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|\\(?P<command>[a-zA-Z]+)|(?P<word>[a-zA-Z]+)|(?P<sign>\S))"
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉"}


class Unreadable(Exception):  # noqa: N818 - a state of the text, caught nearby
    """The text is no expression that this parser knows."""


class TooLarge(Exception):  # noqa: N818 - a state of the value, caught nearby
    """The value has more digits than anyone would write."""


class Inexact(Exception):  # noqa: N818 - a state of the value, caught nearby
    """The value is no rational number that plain arithmetic finds."""


def parse(text: str) -> Node:
    """The tree of ``text``. Raises ``Unreadable``."""
    parser = _Parser(text)
    node = parser.sum()
    if parser.peek() is not None:
        raise Unreadable(text)
    return node


def symbols(node: Node) -> frozenset[str]:
    """The names of the unknowns in ``node``."""
    if node[0] == "symbol":
        return frozenset({node[1]})
    parts = [symbols(part) for part in node[1:] if isinstance(part, tuple)]
    return frozenset().union(*parts) if parts else frozenset()


def exact(node: Node) -> Fraction:
    """The rational value of ``node``. Raises ``Inexact`` or ``TooLarge``."""
    kind = node[0]
    if kind == "number":
        return node[1]  # type: ignore[no-any-return]
    if kind not in _EXACT:
        raise Inexact(kind)
    values = [exact(part) for part in node[1:]]
    result = _exact_operation(kind, values)
    if result.numerator.bit_length() + result.denominator.bit_length() > MAX_BITS:
        raise TooLarge
    return result


def _exact_operation(kind: str, values: list[Fraction]) -> Fraction:
    if kind == "/" and not values[1]:
        raise Inexact("division by zero")
    return _EXACT[kind](*values)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        return _power(_root(base, Fraction(exponent.denominator)), Fraction(exponent.numerator))
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    if abs(base) != 1 and base and abs(exponent.numerator) * (bits - 1) > MAX_BITS * 2:
        raise TooLarge
    if not base and exponent <= 0:
        raise Inexact("zero to a power that is not positive")
    if abs(base) == 1:
        return base if exponent.numerator % 2 else Fraction(1)
    return base**exponent.numerator if base else base


def _root(value: Fraction, degree: Fraction) -> Fraction:
    """The exact real root. Raises ``Inexact`` where there is none that is rational."""
    if degree.denominator != 1 or not 1 <= degree <= 64 or value < 0:
        raise Inexact("root")
    roots = []
    for part in (value.numerator, value.denominator):
        guess = _integer_root(part, degree.numerator)
        if guess**degree.numerator != part:
            raise Inexact("root")
        roots.append(guess)
    return Fraction(roots[0], roots[1])


def _integer_root(value: int, degree: int) -> int:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low


def _count(function: Callable[..., int]) -> Callable[..., Fraction]:
    def exact_count(*values: Fraction) -> Fraction:
        if any(value.denominator != 1 or value < 0 for value in values):
            raise Inexact("not a count")
        if any(value > 2000 for value in values):
            raise TooLarge
        return Fraction(function(*[value.numerator for value in values]))

    return exact_count


_EXACT: dict[str, Callable[..., Fraction]] = {
    "+": operator.add,
    "*": operator.mul,
    "/": operator.truediv,
    "-": operator.neg,
    "^": _power,
    "!": _count(math.factorial),
    "binom": _count(math.comb),
    "sqrt": lambda degree, value: _root(value, degree),
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
}


class _Parser:
    """Recursive descent over the tokens (kind, text) of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            self._tokens.extend(_split_word(kind, match[kind]))
            if len(self._tokens) > MAX_NODES:
                raise Unreadable("too long")
        self._at = 0
        self._depth = 0
        self._bars = 0

    def peek(self) -> str | None:
        """The text of the next token."""
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Unreadable("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        if self.peek() == text and self._tokens[self._at][0] in ("sign", "command"):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise Unreadable(f"missing {text}")

    def sum(self) -> Node:
        """Terms joined by plus and minus."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("nested too deep")
        node = self._signed_term()
        while (sign := self.peek()) in ("+", "-"):
            self._at += 1
            term = self._term()
            node = ("+", node, term if sign == "+" else ("-", term))
        self._depth -= 1
        return node

    def _signed_term(self) -> Node:
        negative = False
        while (sign := self.peek()) in ("+", "-"):
            self._at += 1
            negative ^= sign == "-"
        term = self._term()
        return ("-", term) if negative else term

    def _term(self) -> Node:
        node = self._factor()
        while True:
            if self._take("*"):
                node = ("*", node, self._signed_factor())
            elif self._take("/"):
                node = ("/", node, self._signed_factor())
            elif self._begins_factor():
                apart = self._tokens[self._at - 1][1] in (")", "!")
                if self._tokens[self._at][0] == "number" and not apart:
                    raise Unreadable("a number right after a factor")
                node = ("*", node, self._factor())
            elif self._take("choose"):
                return ("binom", node, self._factor())
            else:
                return node

    def _signed_factor(self) -> Node:
        if self._take("-"):
            return ("-", self._factor())
        self._take("+")
        return self._factor()

    def _begins_factor(self) -> bool:
        if self._at >= len(self._tokens):
            return False
        kind, text = self._tokens[self._at]
        if kind == "sign":
            return text in "([{⌊⌈∞⟪" or (text == "|" and not self._bars)
        return text != "choose"

    def _factor(self) -> Node:
        node = self._base()
        while True:
            if self._take("^"):
                node = ("^", node, self._exponent())
            elif self._take("!"):
                node = ("!", node)
            elif self._take("%"):
                node = ("/", node, ("number", Fraction(100)))
            elif self._take("°"):
                node = ("*", node, ("degree",))
            else:
                return node

    def _exponent(self) -> Node:
        negative = self._take("-")
        node = self._argument() if self.peek() != "(" else self._base()
        while self._take("^"):  # a tower a^b^c is a^(b^c)
            node = ("^", node, self._exponent())
        return ("-", node) if negative else node

    def _argument(self) -> Node:
        """What a command applies to: a group, or the next number, symbol or command."""
        if self._take("{"):
            node = self.sum()
            self._expect("}")
            return node
        return self._base()

    def _digit_argument(self) -> Node:
        r"""As LaTeX reads it: ``\frac12`` has two arguments of one digit."""
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind == "number" and len(text) > 1 and text.isdigit():
            self._tokens[self._at] = ("number", text[1:])
            return ("number", Fraction(text[0]))
        return self._argument()

    def _base(self) -> Node:
        kind, text = self._next()
        if kind == "number":
            if len(text) > MAX_DIGITS:
                raise Unreadable("a number with too many digits")
            return ("number", Fraction(text))
        if kind == "symbol":
            return self._symbol(text)
        if kind == "command":
            return self._command(text)
        if text in _CLOSING:
            bars, self._bars = self._bars, 0
            node = self.sum()
            self._expect(_CLOSING[text])
            self._bars = bars
            return {"⌊": ("floor", node), "⌈": ("ceil", node)}.get(text, node)
        if text == "|":
            self._bars += 1
            node = self.sum()
            self._expect("|")
            self._bars -= 1
            return ("abs", node)
        if text == "∞":
            return ("infinity",)
        raise Unreadable(f"unexpected {text}")

    def _symbol(self, name: str) -> Node:
        if self._take("_"):
            name += "_" + self._subscript()
        while self._take("'"):
            name += "'"
        if name == "e":
            return ("e",)
        return ("i",) if name == "i" else ("symbol", name)

    def _subscript(self) -> str:
        if not self._take("{"):
            return self._next()[1]
        parts = []
        while not self._take("}"):
            parts.append(self._next()[1])
        return "".join(parts).replace('"', "")

    def _command(self, name: str) -> Node:  # noqa: PLR0911 - a table of commands
        if name in FUNCTIONS:
            return self._function(name)
        if name in ("frac", "binom"):
            top = self._digit_argument()
            return ("/" if name == "frac" else name, top, self._digit_argument())
        if name == "sqrt":
            degree: Node = ("number", Fraction(2))
            if self._take("["):
                degree = self.sum()
                self._expect("]")
            return ("sqrt", degree, self._argument())
        if name == "cbrt":
            return ("sqrt", ("number", Fraction(3)), self._argument())
        if name == "abs":
            return ("abs", self._argument())
        if name == "pi":
            return ("pi",)
        if name in ("dot", "ddot", "bar"):  # a derivative, a mean: names of their own
            inner = self._argument()
            if inner[0] != "symbol":
                raise Unreadable("a mark over no symbol")
            return self._symbol(f"\\{name} {inner[1]}")
        if name in _GREEK:
            return self._symbol("\\" + name)
        raise Unreadable(f"unknown command {name}")

    def _function(self, name: str) -> Node:
        base: Node | None = None
        power: Node | None = None
        while True:
            if base is None and name == "log" and self._take("_"):
                base = self._digit_argument()
            elif power is None and self._take("^"):
                power = self._exponent()
            else:
                break
        node: Node = (name, self._function_argument())
        if base is not None:
            node = ("/", ("ln", node[1]), ("ln", base))
        if power is None:
            return node
        if power == ("-", ("number", Fraction(1))) and name in ("sin", "cos", "tan", "cot"):
            return ("arc" + name, node[1])
        return ("^", node, power)

    def _function_argument(self) -> Node:
        """``(…)`` alone, or factors up to the next operator or function: ``sin 2x cos y``."""
        if self.peek() in ("(", "{", "["):
            return self._base()
        negative = self._take("-")
        node = self._factor()
        while self._begins_factor() and self._tokens[self._at][0] != "number":
            if self._tokens[self._at][1] in FUNCTIONS or self.peek() == "(":
                break
            node = ("*", node, self._factor())
        return ("-", node) if negative else node


def _split_word(kind: str, text: str) -> list[tuple[str, str]]:
    """Plain letters: a known name, or a product of one to three symbols."""
    if kind != "word":
        return [(kind, text)]
    name = _ALIASES.get(text.lower(), text.lower())
    if name in FUNCTIONS or name in PLAIN_NAMES:
        return [("command", name)]
    if name in ("oo", "inf", "infinity"):
        return [("sign", "∞")]
    if len(text) > 4:
        raise Unreadable("a word")
    return [("symbol", letter) for letter in text]
