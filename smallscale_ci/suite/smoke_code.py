"""The problems of ``smoke-code``: tiny Python tasks, with answers computed by reference solutions.

Tests follow LiveCodeBench: a call's ``input`` has one JSON value per line, one for each argument,
and its output is JSON; a program has standard input and expected output.
"""

# ruff: noqa: E501 - one problem a line reads best

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

Call = tuple[str, str, Callable[..., Any], Sequence[tuple[Any, ...]]]
Program = tuple[str, Callable[[str], Any], Sequence[str]]

# Signature, description of the result, reference solution, arguments of the tests.
_CALLS: tuple[Call, ...] = (
    ("add(a, b)", "the sum of a and b", lambda a, b: a + b, [(1, 2), (-3, 3), (10, 25)]),
    ("subtract(a, b)", "a minus b", lambda a, b: a - b, [(5, 2), (2, 5), (0, 0)]),
    ("multiply(a, b)", "the product of a and b", lambda a, b: a * b, [(3, 4), (-2, 5), (0, 9)]),
    ("square(n)", "n times n", lambda n: n * n, [(3,), (-4,), (0,)]),
    ("cube(n)", "n to the power of three", lambda n: n**3, [(2,), (-3,), (0,)]),
    ("double(n)", "two times n", lambda n: 2 * n, [(4,), (-1,), (0,)]),
    ("negate(n)", "n with its sign changed", lambda n: -n, [(4,), (-7,), (0,)]),
    ("absolute(n)", "the absolute value of n", abs, [(-5,), (5,), (0,)]),
    ("is_even(n)", "True if n is even, else False", lambda n: n % 2 == 0, [(4,), (7,), (0,)]),
    ("is_odd(n)", "True if n is odd, else False", lambda n: n % 2 == 1, [(4,), (7,), (1,)]),
    ("is_positive(n)", "True if n is greater than 0, else False", lambda n: n > 0, [(3,), (-3,), (0,)]),
    ("maximum(a, b)", "the larger of a and b", max, [(1, 2), (5, -5), (3, 3)]),
    ("minimum(a, b)", "the smaller of a and b", min, [(1, 2), (5, -5), (3, 3)]),
    ("largest(numbers)", "the largest number of the list", max, [([3, 9, 2],), ([-1, -5],), ([4],)]),
    ("smallest(numbers)", "the smallest number of the list", min, [([3, 9, 2],), ([-1, -5],), ([4],)]),
    ("total(numbers)", "the sum of the list", sum, [([1, 2, 3],), ([],), ([-4, 4],)]),
    ("product(numbers)", "the product of all numbers of the list", math.prod, [([2, 3, 4],), ([5],), ([7, 0],)]),
    ("mean(numbers)", "the mean of the list", lambda x: sum(x) / len(x), [([1, 2, 3],), ([4],), ([1, 2],)]),
    ("count(items)", "the number of items in the list", len, [([1, 2, 3],), ([],), ([[1], [2]],)]),
    ("first(items)", "the first item of the list", lambda x: x[0], [([1, 2],), (["a"],), ([[], 1],)]),
    ("last(items)", "the last item of the list", lambda x: x[-1], [([1, 2],), (["a"],), ([1, []],)]),
    ("reverse_list(items)", "the list in reverse order", lambda x: x[::-1], [([1, 2, 3],), ([],), (["a", "b"],)]),
    ("sort_list(numbers)", "the numbers in ascending order", sorted, [([3, 1, 2],), ([],), ([5, -5],)]),
    ("unique(items)", "the items without repetitions, in the order of their first appearance", lambda x: list(dict.fromkeys(x)), [([1, 1, 2],), ([],), (["b", "a", "b"],)]),
    ("evens(numbers)", "a list of the even numbers, in the same order", lambda x: [n for n in x if n % 2 == 0], [([1, 2, 3, 4],), ([1],), ([],)]),
    ("squares(numbers)", "a list with the square of every number", lambda x: [n * n for n in x], [([1, 2, 3],), ([],), ([-2],)]),
    ("contains(items, item)", "True if item is in the list, else False", lambda x, item: item in x, [([1, 2], 2), ([1, 2], 3), ([], 1)]),
    ("join_lists(a, b)", "one list with the items of a and then those of b", lambda a, b: a + b, [([1], [2]), ([], [3]), ([], [])]),
    ("factorial(n)", "the factorial of n", math.factorial, [(0,), (5,), (1,)]),
    ("fibonacci(n)", "the n-th Fibonacci number, where fibonacci(0) is 0 and fibonacci(1) is 1", lambda n: [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55][n], [(0,), (1,), (10,)]),
    ("is_prime(n)", "True if n is a prime number, else False", lambda n: n in {2, 3, 5, 7, 11, 13}, [(7,), (9,), (1,)]),
    ("gcd(a, b)", "the greatest common divisor of a and b", math.gcd, [(12, 18), (7, 5), (10, 10)]),
    ("sum_to(n)", "the sum of all whole numbers from 1 to n", lambda n: n * (n + 1) // 2, [(1,), (10,), (100,)]),
    ("digit_sum(n)", "the sum of the decimal digits of n", lambda n: sum(map(int, str(n))), [(123,), (0,), (999,)]),
    ("shout(text)", "the text in capital letters", str.upper, [("hello",), ("",), ("Ab1",)]),
    ("reverse_text(text)", "the text backwards", lambda s: s[::-1], [("abc",), ("",), ("ab ba!",)]),
    ("is_palindrome(text)", "True if the text reads the same backwards, else False", lambda s: s == s[::-1], [("level",), ("abc",), ("",)]),
    ("count_vowels(text)", "how many of the letters a, e, i, o and u are in the text", lambda s: sum(c in "aeiou" for c in s), [("banana",), ("xyz",), ("education",)]),
    ("count_words(text)", "the number of words, which are separated by spaces", lambda s: len(s.split()), [("one two three",), ("",), ("word",)]),
    ("repeat(text, n)", "the text n times in a row", lambda s, n: s * n, [("ab", 3), ("x", 0), ("hi", 1)]),
    ("starts_with(text, start)", "True if the text begins with start, else False", str.startswith, [("hello", "he"), ("hello", "lo"), ("a", "a")]),
    ("to_fahrenheit(celsius)", "the temperature in degrees Fahrenheit, which is celsius * 9 / 5 + 32", lambda c: c * 9 / 5 + 32, [(0,), (100,), (-40,)]),
)  # fmt: skip

# Description, reference solution from input to output, inputs of the tests.
_PROGRAMS: tuple[Program, ...] = (
    ("reads a line and prints it unchanged", str.strip, ["hello\n", "a b c\n"]),
    ("reads a name and prints Hello, followed by a space and the name", lambda s: f"Hello {s.strip()}", ["Ann\n", "Tom\n"]),
    ("reads a whole number and prints the number plus one", lambda s: int(s) + 1, ["4\n", "-1\n", "99\n"]),
    ("reads a whole number and prints two times the number", lambda s: 2 * int(s), ["4\n", "-1\n", "0\n"]),
    ("reads a whole number and prints its square", lambda s: int(s) ** 2, ["4\n", "-3\n", "0\n"]),
    ("reads two whole numbers from one line and prints their sum", lambda s: sum(map(int, s.split())), ["1 2\n", "-5 5\n", "20 30\n"]),
    ("reads two whole numbers from one line and prints their product", lambda s: math.prod(map(int, s.split())), ["3 4\n", "0 7\n", "-2 6\n"]),
    ("reads two whole numbers from one line and prints the larger one", lambda s: max(map(int, s.split())), ["3 4\n", "9 -7\n", "2 2\n"]),
    ("reads two whole numbers, one a line, and prints their sum", lambda s: sum(map(int, s.split())), ["1\n2\n", "-5\n5\n", "20\n30\n"]),
    ("reads a whole number and prints even if it is even and odd if it is not", lambda s: "odd" if int(s) % 2 else "even", ["4\n", "7\n", "0\n"]),
    ("reads a whole number n and prints the numbers from 1 to n, one a line", lambda s: "\n".join(map(str, range(1, int(s) + 1))), ["3\n", "1\n", "5\n"]),
    ("reads a whole number n and prints the sum of the numbers from 1 to n", lambda s: sum(range(int(s) + 1)), ["3\n", "1\n", "100\n"]),
    ("reads a line and prints it in capital letters", lambda s: s.strip().upper(), ["hello\n", "aBc\n"]),
    ("reads a line and prints it backwards", lambda s: s.strip()[::-1], ["hello\n", "ab cd\n"]),
    ("reads a line and prints its number of characters", lambda s: len(s.strip()), ["hello\n", "a b\n"]),
    ("reads a line and prints its number of words", lambda s: len(s.split()), ["one two\n", "word\n", "a b c d\n"]),
    ("reads a line of whole numbers and prints the largest one", lambda s: max(map(int, s.split())), ["3 9 2\n", "-4 -8\n", "5\n"]),
    ("reads a line of whole numbers and prints them in ascending order on one line", lambda s: " ".join(map(str, sorted(map(int, s.split())))), ["3 9 2\n", "1\n", "5 -5 0\n"]),
)  # fmt: skip


def code_rows() -> list[dict[str, Any]]:
    """42 functions and 18 programs, in a fixed order; ``meta`` names the kind."""
    calls = [_call(*spec) for spec in _CALLS]
    return calls + [_program(*spec) for spec in _PROGRAMS]


def _call(
    signature: str, returns: str, solve: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
) -> dict[str, Any]:
    name = signature.partition("(")[0]
    tests = [
        {
            "input": "\n".join(json.dumps(argument) for argument in given),
            "output": json.dumps(solve(*given)),
            "function": name,
        }
        for given in arguments
    ]
    question = f"Write a Python function {signature} that returns {returns}."
    return {"question": question, "tests": tests, "meta": {"template": "function"}}


def _program(what: str, solve: Callable[[str], Any], inputs: Sequence[str]) -> dict[str, Any]:
    tests = [{"input": given, "output": f"{solve(given)}\n", "function": None} for given in inputs]
    question = f"Write a Python program that {what}. Read from standard input."
    return {"question": question, "tests": tests, "meta": {"template": "program"}}
