"""Cleaned text → a tree (see ``expression``), by recursive descent within the limits below."""

from __future__ import annotations

import re
from fractions import Fraction

from smallscale_ci.judges.mathematics.expression import (
    DEFINITE,
    Inexact,
    Node,
    TooLarge,
    Unreadable,
    closed,
    exact,
    kinds,
    symbols,
)

MAX_NODES = 600
MAX_DEPTH = 40
MAX_DIGITS = 400  # of a number as it is written
MAX_TERMS = 500  # of a sum
MAX_SERIES = 2  # sums inside each other

FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "ln", "log", "exp"}
    | {"arcsin", "arccos", "arctan", "arccot"}
)
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "cosec": "csc"}
PLAIN_NAMES = frozenset(
    {"cis", "sqrt", "pi", "frac", "cbrt", "abs", "theta", "alpha", "beta", "binom"}
)
_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
    | {"lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"}
    | {"hbar", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"}
)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|\\(?P<command>[a-zA-Z]+)|(?P<word>[a-zA-Z]+)|(?P<sign>\S))"
)
_SUPERSCRIPT = re.compile(  # tokens, one a line, up to a function's bracket
    r"\^\n(?:\{\n([^{}]{1,12})\n\}\n|(\(\n\w+\n\)\n)|(\w+)\n)\("
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉"}


def parse(text: str, *, one_digit: bool = False) -> Node:
    """The tree of ``text``. Raises ``Unreadable``.

    ``one_digit`` reads ``2^34`` as LaTeX sets it, 2³·4, and not as people type 2³⁴.
    """
    parser = _Parser(text, one_digit=one_digit)
    node = parser.sum()
    if parser.peek() is not None:
        raise Unreadable(text)
    return node


class _Parser:
    """Recursive descent over the tokens (kind, text) of one expression."""

    def __init__(self, text: str, *, one_digit: bool = False) -> None:
        self._tokens: list[tuple[str, str]] = []
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or ""
            self._tokens.extend(_split_word(kind, match[kind]))
            if len(self._tokens) > MAX_NODES:
                raise Unreadable("too long")
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._one_digit = one_digit
        self._power_end = -1  # where the last power ended: there a number may follow, as in 2^5 3^2
        self._in_function = False  # in an argument without brackets, as of sin x
        self._indices: list[str] = []  # of the sums around

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
        in_function, self._in_function = self._in_function, False
        node = self._signed_term()
        while (sign := self.peek()) in ("+", "-"):
            self._at += 1
            term = self._term()
            node = ("+", node, term if sign == "+" else ("-", term))
        self._depth -= 1
        self._in_function = in_function
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
                apart = self._tokens[self._at - 1][1] in (")", "!") or self._power_end == self._at
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
                self._power_end = self._at
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
        if self._one_digit:
            node = self._digit_argument()
        else:
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
        return self._base(applied=False)

    def _digit_argument(self) -> Node:
        r"""As LaTeX reads it: ``\frac12`` has two arguments of one digit."""
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if kind == "number" and len(text) > 1 and text.isdigit():
            self._tokens[self._at] = ("number", text[1:])
            return ("number", Fraction(text[0]))
        return self._argument()

    def _base(self, *, applied: bool = True) -> Node:
        kind, text = self._next()
        if kind == "number":
            if len(text) > MAX_DIGITS:
                raise Unreadable("a number with too many digits")
            return ("number", Fraction(text))
        if kind == "symbol":
            return self._symbol(text, applied=applied)
        if kind == "command":
            return self._command(text, applied=applied)
        if text in _CLOSING:
            node = closed(self._bracket(_CLOSING[text])[0])
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

    def _bracket(self, closing: str, several: bool = False) -> list[Node]:
        """What stands up to ``closing``: one expression, or ``several`` between commas."""
        bars, self._bars = self._bars, 0
        nodes = [self.sum()]
        while several and self._take(","):
            nodes.append(self.sum())
        self._expect(closing)
        self._bars = bars
        return nodes

    def _symbol(self, name: str, *, applied: bool) -> Node:
        """A name, with its arguments where a bracket follows."""
        start = self._at
        if self._take("_"):
            index = self._index()
            if index is not None:
                return ("apply", name + "_", index)
            name += "_" + self._subscript()
        while self._take("'"):
            name += "'"
        if name == "e":
            return ("e",)
        if name == "i" and start == self._at and "i" not in self._indices:
            return ("i",)
        definite = name[0] in DEFINITE
        if definite and self.peek() == "^":
            name += self._of_function()
        if applied and (definite or not self._in_function) and self._take("("):
            return ("apply", name, *self._bracket(")", several=True))
        return ("symbol", name)

    def _of_function(self) -> str:
        """What a function has before its bracket: ``^{-1}``, ``^{(4)}`` as primes, ``^2``."""
        ahead = "\n".join(text for _, text in self._tokens[self._at : self._at + 8])
        match = _SUPERSCRIPT.match(ahead)
        if match is None:
            return ""
        self._at += match.group().count("\n")
        inside = next(filter(None, match.groups())).replace("\n", "")
        order = inside.strip("()") if inside.startswith("(") else ""
        return "'" * int(order) if order.isdigit() and len(order) == 1 else f"^{inside}"

    def _index(self) -> Node | None:
        """The index of ``G_{n-i}`` where it depends on the index of a sum around it."""
        start = self._at
        if self._indices and self._take("{"):
            try:
                index = self.sum()
                self._expect("}")
            except Unreadable:
                index = ("number", Fraction(0))
            if symbols(index) & set(self._indices):
                return index
        elif self.peek() in self._indices:
            return ("symbol", self._next()[1])
        self._at = start
        return None

    def _subscript(self) -> str:
        if not self._take("{"):
            kind, text = self._next()
            if kind == "number" and len(text) > 1:
                raise Unreadable("an index of several digits without braces")
            return text
        parts = []
        while not self._take("}"):
            parts.append(self._next()[1])
        return "".join(parts).replace('"', "")

    def _command(self, name: str, *, applied: bool) -> Node:  # noqa: PLR0911 - a table of commands
        if name in FUNCTIONS:
            return self._function(name)
        if name == "cis":  # cos + i sin
            angle = self._function_argument()
            return ("+", ("cos", angle), ("*", ("i",), ("sin", angle)))
        if name in ("frac", "binom"):
            top = self._digit_argument()
            return ("/" if name == "frac" else name, top, closed(self._digit_argument()))
        if name == "sqrt":
            degree: Node = ("number", Fraction(2))
            if self._take("["):
                degree = self.sum()
                self._expect("]")
            return ("sqrt", degree, self._argument())
        if name in ("cbrt", "abs"):
            three: Node = ("number", Fraction(3))
            return (
                ("sqrt", three, self._argument()) if name == "cbrt" else ("abs", self._argument())
            )
        if name == "pi":
            return ("pi",)
        if name in ("sum", "prod"):
            return self._series(name)
        if name in ("max", "min", "gcd", "lcm"):
            closing = {"(": ")", "⦃": "⦄"}.get(self._next()[1], "")
            return (name, *self._bracket(closing, several=True))
        if name in ("dot", "ddot", "bar"):  # a derivative, a mean: names of their own
            inner = self._argument()
            if inner[0] != "symbol":
                raise Unreadable("a mark over no symbol")
            return self._symbol(f"\\{name} {inner[1]}", applied=applied)
        if name in _GREEK:
            return self._symbol("\\" + name, applied=applied)
        raise Unreadable(f"unknown command {name}")

    def _function(self, name: str) -> Node:
        base: Node | None = None
        power: Node | None = None
        while True:
            if base is None and name == "log" and self._take("_"):
                ten = self._tokens[self._at : self._at + 1] == [("number", "10")]
                base = self._base() if ten else self._digit_argument()
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
        self._in_function = True
        node = self._factor()
        while self._begins_factor() and self._tokens[self._at][0] != "number":
            if self._tokens[self._at][1] in FUNCTIONS or self.peek() == "(":
                break
            node = ("*", node, self._factor())
        self._in_function = False
        return ("-", node) if negative else node

    def _series(self, name: str) -> Node:
        r"""``\sum_{k=1}^{n} …`` up to the end of its term."""
        self._expect("_")
        self._expect("{")
        kind, index = self._next()
        if kind != "symbol" or len(self._indices) == MAX_SERIES:
            raise Unreadable("no index of a sum")
        self._expect("=")
        low = self.sum()
        self._expect("}")
        self._expect("^")
        high = self._argument()
        if _is_long(high):
            raise Unreadable("a sum that is not for adding up")
        self._indices.append(index)
        body = self._term()
        self._indices.pop()
        return (name, ("symbol", index), low, high, body)


def _is_long(high: Node) -> bool:
    try:
        return exact(high) > MAX_TERMS
    except Inexact:
        return "infinity" in kinds(high)
    except TooLarge:
        return True


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
