"""Problems whose solution is known step by step, and worked solutions that think too long.

A worked solution has every step that the answer needs, then a redundant part whose length varies
at random: checking again, doing it another way, doubting. `steps` are the equations that the
answer rests on, so that it can be seen whether shorter thinking still contains them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ASK = " Think step by step, then put the final answer into \\boxed{}."
DIRECT = " Answer at once: put the final answer into \\boxed{} without thinking."

CHECKS = (
    "Wait, let me check this again.",
    "Hmm, I should make sure that this is right.",
    "Let me go through it once more.",
    "Wait, did I make a mistake somewhere?",
    "Let me verify the result another time.",
    "I want to be careful, so I will repeat the steps.",
    "Actually, let me double-check every step.",
    "Alternatively, I can do the same from the start.",
)
SURE = (
    "The result is the same as before.",
    "Yes, it comes out the same.",
    "So nothing changes.",
    "Good, this agrees with what I had.",
)


@dataclass(frozen=True)
class Task:
    """A question, its answer, the equations that it rests on, and the words around them."""

    kind: str
    question: str
    answer: int
    steps: tuple[str, ...]
    lines: tuple[str, ...]  # the steps in words, one sentence each


def _purchase(chance: random.Random) -> tuple[int, int, int]:
    """How many, at which price, and what is held, which is more than they cost."""
    count, price = chance.randint(3, 9), chance.randint(3, 19)
    return count, price, count * price + chance.randint(1, 40)


def _left(held: int, count: int, price: int) -> tuple[str, ...]:
    """What is left of ``held``."""
    cost = count * price
    return f"{count} * {price} = {cost}", f"{held} - {cost} = {held - cost}"


def _secret(chance: random.Random) -> tuple[int, int, int, int]:
    """A number, what it is multiplied by after a shift, the shift, and what comes out."""
    number, factor, shift = chance.randint(3, 30), chance.randint(2, 6), chance.randint(2, 30)
    return number, factor, shift, (number + shift) * factor


def _undone(number: int, shift: int, factor: int) -> tuple[str, ...]:
    """Back to ``number``, which ``shift`` was added to before it was multiplied."""
    both = number + shift
    return f"{both * factor} / {factor} = {both}", f"{both} - {shift} = {number}"


def _linear(chance: random.Random) -> tuple[int, int, int, int]:
    """``factor``, value, shift and total of an equation: factor · value + shift = total."""
    factor, value, shift = chance.randint(2, 9), chance.randint(2, 19), chance.randint(1, 40)
    return factor, value, shift, factor * value + shift


def _solved(factor: int, value: int, shift: int) -> tuple[str, ...]:
    """``value`` from ``factor`` · value + ``shift``."""
    times = factor * value
    return f"{times + shift} - {shift} = {times}", f"{times} / {factor} = {value}"


def _sums(chance: random.Random) -> Task:
    terms = [chance.randint(12, 99) for _ in range(3)]
    told = " + ".join(map(str, terms))
    question = chance.choice((f"What is {told}?", f"Add up: {told}.", f"Calculate {told}."))
    total, steps, lines = terms[0], [], []
    for term in terms[1:]:
        tens, ones = term // 10 * 10, term % 10
        step = f"{total} + {term} = {total + term}"
        lines.append(
            f"{total} + {tens} = {total + tens} and {total + tens} + {ones} = {total + term}, "
            f"so {step}."
        )
        total += term
        steps.append(step)
    return Task("sums", question, total, tuple(steps), tuple(lines))


def _products(chance: random.Random) -> Task:
    one, other = chance.randint(12, 99), chance.randint(3, 9)
    tens, ones = one // 10 * 10, one % 10
    steps = (
        f"{tens} * {other} = {tens * other}",
        f"{ones} * {other} = {ones * other}",
        f"{tens * other} + {ones * other} = {one * other}",
    )
    lines = (
        f"I split {one} into {tens} and {ones}.",
        f"The tens give {steps[0]}.",
        f"The ones give {steps[1]}.",
        f"Together that is {steps[2]}.",
    )
    told = f"{one} * {other}"
    question = chance.choice((f"What is {told}?", f"Calculate {told}.", f"Multiply: {told}."))
    return Task("products", question, one * other, steps, lines)


def _equations(chance: random.Random) -> Task:
    factor, value, shift, total = _linear(chance)
    steps = _solved(factor, value, shift)
    lines = (
        f"The equation is {factor}x + {shift} = {total}.",
        f"I subtract {shift} on both sides: {steps[0]}, so {factor}x = {factor * value}.",
        f"I divide both sides by {factor}: {steps[1]}, so x = {value}.",
    )
    told = f"{factor}x + {shift} = {total}"
    question = chance.choice((f"Solve {told} for x.", f"Find x so that {told}."))
    return Task("equations", question, value, steps, lines)


def _shopping(chance: random.Random) -> Task:
    who = chance.choice(("Ana", "Ben", "Carla", "Deniz", "Emil", "Fatima", "Goran", "Hana"))
    what = chance.choice(("pens", "apples", "books", "tickets", "cards", "plants", "lamps"))
    count, price, paid = _purchase(chance)
    steps = _left(paid, count, price)
    bought = f"{count} {what}"
    asked = (
        f"buys {bought} for {price} dollars each and pays with {paid} dollars. How many dollars of "
        "change are left?"
    )
    other = (
        f"takes {bought}. Each of them costs {price} dollars. How much is left of {paid} dollars?"
    )
    third = f"needs {bought} at {price} dollars each. What remains of {paid} dollars after paying?"
    question = f"{who} {chance.choice((asked, other, third))}"
    lines = (
        f"{who} buys {count} {what} at {price} dollars each.",
        f"The cost is {steps[0]} dollars.",
        f"The change is what was paid minus the cost: {steps[1]} dollars.",
    )
    return Task("shopping", question, paid - count * price, steps, lines)


def _puzzles(chance: random.Random) -> Task:
    number, factor, shift, total = _secret(chance)
    steps = _undone(number, shift, factor)
    asked = (
        f"I think of a number, add {shift} and multiply the result by {factor}. I get {total}. "
        "What is my number?"
    )
    other = (
        f"To a secret number {shift} is added. The result times {factor} is {total}. What is the "
        "secret number?"
    )
    third = (
        f"Which number gives {total}, if {shift} is added and the sum is multiplied by {factor}?"
    )
    question = chance.choice((asked, other, third))
    lines = (
        f"I go backwards from {total}.",
        f"The last thing was to multiply by {factor}, so I divide: {steps[0]}.",
        f"Before that {shift} was added, so I subtract it: {steps[1]}.",
    )
    return Task("puzzles", question, number, steps, lines)


def _cinema(chance: random.Random) -> Task:
    count, price, held = _purchase(chance)
    steps = _left(held, count, price)
    question = (
        f"A class sends {count} children to the cinema at {price} dollars per child. The class "
        f"has saved {held} dollars. How much money does it still have afterwards?"
    )
    return Task("cinema", question, held - count * price, steps, ())


def _riddles(chance: random.Random) -> Task:
    number, factor, shift, total = _secret(chance)
    steps = _undone(number, shift, factor)
    question = (
        f"Somebody increases her age by {shift} and multiplies the sum by {factor}, which makes "
        f"{total}. How old is she?"
    )
    return Task("riddles", question, number, steps, ())


def _boxes(chance: random.Random) -> Task:
    one, two, three = (chance.randint(12, 99) for _ in range(3))
    steps = (f"{one} + {two} = {one + two}", f"{one + two} + {three} = {one + two + three}")
    question = (
        f"Three boxes hold {one}, {two} and {three} nails. How many nails are there altogether?"
    )
    return Task("boxes", question, one + two + three, steps, ())


def _letters(chance: random.Random) -> Task:
    factor, value, shift, total = _linear(chance)
    steps = _solved(factor, value, shift)
    question = f"What is n if {factor}n + {shift} = {total}?"
    return Task("letters", question, value, steps, ())


def _seedlings(chance: random.Random) -> Task:
    rows, each, total = _purchase(chance)
    steps = _left(total, rows, each)
    question = (
        f"A gardener has {total} seedlings and plants {rows} rows of {each} seedlings. How many "
        "seedlings are left?"
    )
    return Task("seedlings", question, total - rows * each, steps, ())


KINDS: dict[str, Callable[[random.Random], Task]] = {
    "sums": _sums,
    "products": _products,
    "equations": _equations,
    "shopping": _shopping,
    "puzzles": _puzzles,
}
# Kinds that no training has: the same steps asked for in another story, in words instead of signs,
# with another letter; in the last one the numbers come in another order as well.
UNSEEN = {
    "cinema": _cinema,
    "riddles": _riddles,
    "boxes": _boxes,
    "letters": _letters,
    "seedlings": _seedlings,
}


def draw(
    kinds: Mapping[str, Callable[[random.Random], Task]],
    count: int,
    seed: int,
    known: set[tuple[str, ...]],
    *,
    again: bool = False,
) -> list[Task]:
    """``count`` tasks of all ``kinds`` in turn; none has the steps of one in ``known``.

    What is drawn goes there, and is drawn once, unless it may come ``again``.
    """
    chance, found, makers = random.Random(seed), list[Task](), list(kinds.values())
    while len(found) < count:
        task = makers[len(found) % len(makers)](chance)
        if task.steps not in known:
            found.append(task)
            if not again:
                known.add(task.steps)
    return found


def solution(task: Task, chance: random.Random, *, brief: bool = False) -> str:
    """A worked solution: the steps, a redundant part of random length (unless brief), the box."""
    parts = ["Let me think about this step by step.", *task.lines]
    parts.append(f"So the answer is {task.answer}.")
    for _ in range(0 if brief else min(int(chance.lognormvariate(1.35, 0.75)), 12)):
        parts += [chance.choice(CHECKS), *task.lines, f"That gives {task.answer} again."]
        parts.append(chance.choice(SURE))
    return f"<think>\n{' '.join(parts)}\n</think>\n\nThe answer is \\boxed{{{task.answer}}}."


def direct(task: Task) -> str:
    """The same answer without any thinking."""
    return f"The answer is \\boxed{{{task.answer}}}."
