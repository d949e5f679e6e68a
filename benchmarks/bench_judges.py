"""The judges in numbers: agreement on the labelled corpus, and speed on ordinary answers.

    python benchmarks/bench_judges.py [--json] [--code] [--images LOCK] [--inspect-python PYTHON]
        [--pairs FILE]... [--choices FILE]... [--blocks FILE]...

Files that are named are measured beside this project's own: pairs (gold, answer, equal), multiple
choice (gold, text, expected) and answers with code (text, function, code).

One core. Three judges see the same items in the same run: this project's, math-verify alone as
its manual shows it (gold in dollars, answer in a box), and a normalised string match.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from smallscale_ci.config.seams import SANDBOXES
from smallscale_ci.errors import JudgeError
from smallscale_ci.judges.blocks import program
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.math import MathJudge, decide
from smallscale_ci.judges.mcq import McqJudge
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.records import CodeTest, Outcome, Problem
from smallscale_ci.sandbox.choice import choose
from smallscale_ci.sandbox.interface import Limits, Sandbox
from smallscale_ci.worker.thinking import answer_part

LOCK = Path(__file__).parents[1] / "docker/images.lock.yaml"
CORPUS = Path(__file__).parents[1] / "tests/data/math_corpus.jsonl"
KINDS = CORPUS.with_name("math_kinds.jsonl")
RAW = "RAW:"  # before an answer that is a whole text, not to be put into a box
CHOICES = Path(__file__).parents[1] / "tests/data/mcq_corpus.jsonl"
BLOCKS = CORPUS.with_name("code_corpus.jsonl")
HANDED = Path(
    os.environ.get("SMALLSCALE_TEST_DATA", ""), "cases/math_pairs.jsonl"
)  # if it is there
SPEC = JudgeSpec("math")
Equal = Callable[[str, str], bool]
Items = list[tuple[str, str]]  # gold and text
_ROUND = 100  # items of a judge before it is the other's turn


def pairs_of(files: list[Path]) -> list[dict[str, Any]]:
    """The labelled pairs of the corpus, and of ``files``, each a category of its own."""
    found = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    for path in files:
        rows = map(json.loads, path.read_text().splitlines())
        found += [{**row, "category": path.stem} for row in rows if "answer" in row]
    return found


def ours(gold: str, answer: str) -> bool:
    if answer.startswith(RAW):
        ruling = MathJudge().judge(Problem("p", "t", "?", gold), answer[len(RAW) :], SPEC)
        return ruling.outcome is Outcome.CORRECT
    return decide(gold, answer).same


def math_verify_alone(gold: str, answer: str) -> bool:
    from math_verify import parse, verify

    raw = answer.startswith(RAW)
    text = answer[len(RAW) :] if raw else f"\\boxed{{{answer}}}"
    return bool(verify(parse(f"${gold}$"), parse(text)))


def inspect_alone(python: Path, pairs: list[dict[str, Any]]) -> Equal:
    """inspect_ai's scorer, asked about all pairs at once in its own environment."""
    script = Path(__file__).with_name("inspect_math.py")
    lines = [json.dumps(pair) for pair in pairs]
    said: list[bool] = []
    while len(said) < len(lines):  # it ends after an item that hangs
        rest = "\n".join(lines[len(said) :])
        done = subprocess.run(
            [python, script], input=rest, capture_output=True, text=True, check=True
        )
        said += [json.loads(line) for line in done.stdout.split()]
    found = dict(zip([(pair["gold"], pair["answer"]) for pair in pairs], said, strict=True))
    return lambda gold, answer: bool(found[gold, answer])


def string_match(gold: str, answer: str) -> bool:
    return normalised(gold) == normalised(answer)


def normalised(text: str) -> str:
    text = re.sub(r"\\(?:left|right|,|!|;|quad|displaystyle)|[\s$]", "", text)
    text = re.sub(r"\\(?:text|mathrm|textbf|mbox)\{([^{}]*)\}", r"\1", text)
    return text.replace("dfrac", "frac").replace("tfrac", "frac").rstrip(".").lower()


def agreement(equal: Equal, pairs: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By category: pairs, false positives, false negatives, and the slowest item in ms.

    "all" is the corpus without the files that were named, "first" the same by the labels that
    it had before others' labels of the same questions corrected some of them.
    """
    table: dict[str, dict[str, int]] = {}
    own = len(CORPUS.read_text().splitlines())
    for number, pair in enumerate(pairs):
        begin = time.perf_counter()
        same = equal(pair["gold"], pair["answer"])
        milliseconds = round(1000 * (time.perf_counter() - begin))
        label = pair["equal"]
        labels = {pair["category"]: label}
        if number < own:
            labels |= {"all": label, "first": pair.get("first_label", label)}
        for name, equals in labels.items():
            row = table.setdefault(name, {"pairs": 0, "fp": 0, "fn": 0, "slowest_ms": 0})
            row["pairs"] += 1
            row["fp"] += same and not equals
            row["fn"] += equals and not same
            row["slowest_ms"] = max(row["slowest_ms"], milliseconds)
    return table


def ordinary(count: int) -> Items:
    """(gold, text): the numbers of school mathematics, every third answer wrong."""
    items = []
    for n in range(count):
        gold = [f"{n * 7 % 997}", f"{n * 131:,}", f"{n / 4}", f"{n}.0"][n % 4]
        answer = gold if n % 3 else str(n * 7 % 997 + 1)
        spelled = [answer, f"\\${answer}", f"{answer}\\text{{ miles}}", f" {answer}."][n // 4 % 4]
        text = f"First we add, then we divide.\n\nThe answer is $\\boxed{{{spelled}}}$."
        items.append((gold, text))
    return items


def latex_heavy(count: int) -> Items:
    """(gold, text): roots, polynomials, tuples, intervals; a fifth of the answers is wrong."""
    items = []
    for n in range(count):
        gold, answer = [
            (f"\\frac{{{n}\\sqrt{{3}}}}{{2}}", f"\\frac{{\\sqrt{{3}}\\cdot {n}}}{{2}}"),
            (f"x^2+{n}x+1", f"1+{n}x+x^{{2}}"),
            (
                f"\\left(\\frac{{{n}}}{{7}}, \\sqrt{{{n}}}\\right)",
                f"\\left(\\dfrac{{{n}}}{{7}},\\sqrt{{{n}}}\\right)",
            ),
            (f"\\left[{n},\\infty\\right)", f"x \\ge {n}"),
            (f"\\frac{{{n}\\pi}}{{4}}", f"\\frac{{{n + 1}\\pi}}{{4}}"),
        ][n % 5]
        items.append((gold, f"Simplifying gives $\\boxed{{{answer}}}$."))
    return items


def speeds(judges: dict[str, Callable[[str, str], object]], items: Items) -> dict[str, float]:
    """Items per second of CPU time, by judge: in turn, so that a busy machine slows all alike."""
    for judge, (gold, text) in product(judges.values(), items[:20]):
        judge(gold, text)
    spent = dict.fromkeys(judges, 0.0)
    for start in range(0, len(items), _ROUND):
        for name, judge in judges.items():
            begin = time.process_time()
            for gold, text in items[start : start + _ROUND]:
                judge(gold, text)
            spent[name] += time.process_time() - begin
    return {name: len(items) / seconds for name, seconds in spent.items()}


def judge_text(gold: str, text: str) -> object:
    return MathJudge().judge(Problem("p", "t", "?", gold), text, SPEC)


def verify_text(gold: str, text: str) -> object:
    from math_verify import parse, verify

    return verify(parse(f"${gold}$"), parse(text))


def choices(files: list[Path]) -> dict[str, dict[str, float]]:
    """Multiple choice, by tier of the corpus: answers, as labelled, false positives, answers/s."""
    table: dict[str, dict[str, float]] = {}
    rows = [
        {"tier": path.stem, **json.loads(line)}
        for path in [CHOICES, *files]
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for row in rows:
        options = row.get("options", ["A. copper", "B. iron", "C. gold", "D. silver"])
        problem = Problem("p", "t", "\n".join(["Which?", *options]), row["gold"])
        begin = time.perf_counter()
        outcome = McqJudge().judge(problem, row["text"], JudgeSpec("mcq")).outcome.value
        seconds = time.perf_counter() - begin
        for name in (row["tier"], "all"):
            tier = table.setdefault(name, dict.fromkeys(("answers", "right", "fp", "seconds"), 0))
            tier["answers"] += 1
            tier["right"] += outcome == row["expected"]
            tier["fp"] += outcome == "CORRECT" != row["expected"]
            tier["seconds"] += seconds
    return table


def extraction(files: list[Path]) -> dict[str, list[int]]:
    """By file: answers of which the program is the labelled one, and all."""
    table = {}
    for path in files:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [program(answer_part(row["text"]) or "", row.get("function")) for row in rows]
        right = sum(code == row["code"] for code, row in zip(found, rows, strict=True))
        table[path.stem] = [right, len(rows)]
    return table


def pooled(count: int) -> dict[str, float]:
    """Items/s and host memory growth in MiB of ``count`` items that need algebra, two workers."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    done = 0
    with JudgePool(2) as pool:
        for number in range(count):
            problem = Problem("p", "t", "?", f"\\sqrt{{{number}}}")
            pool.submit(number, problem, f"{'think ' * 200}\\boxed{{{number}^{{1/2}}}}", SPEC)
            done += sum(1 for _ in pool.ready())
        done += sum(1 for _ in pool.drain())
    seconds = time.perf_counter() - begin
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"items": done, "per_second": done / seconds, "host_growth_mib": growth}


def sandboxes(lock: Path, count: int) -> dict[str, dict[str, float]]:
    """Each sandbox that this machine has, and a bare Python: what a start and end cost."""
    bare = [sys.executable, "-I", "-c", ""]
    begun = median_ms(lambda: subprocess.run(bare, check=True), count)
    found = {"bare Python": {"start_ms": begun}}
    for name in SANDBOXES:
        try:
            sandbox = choose(
                name, lock, os.environ, partial(datetime.now, UTC), nonce="bench"
            ).sandbox
        except JudgeError as error:
            print(error.message, file=sys.stderr)
            continue
        assert sandbox is not None
        found[name] = sandboxed(sandbox, count)
        sandbox.clean()
    return found


def median_ms(call: Callable[[], object], count: int) -> float:
    """Milliseconds of a call, the median of ``count``."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def sandboxed(sandbox: Sandbox, count: int) -> dict[str, float]:
    """Start-up cost of one run in ms (median), and problems/s of three tests, two workers."""
    start_ms = median_ms(lambda: sandbox.run("", b"", Limits()), count)
    tests = tuple(CodeTest(f"{n}\n{n}", str(2 * n), "add") for n in range(3))
    answer = "```python\ndef add(a, b):\n    return a + b\n```"
    spec = JudgeSpec("code", timeout_s=60.0, sandbox=sandbox)
    with JudgePool(2) as pool:
        for number in range(-2, 2 * count):
            if number == 0:
                assert all(ruling.outcome is Outcome.CORRECT for _, ruling in pool.drain())
                begin = time.perf_counter()  # the two workers are there
            pool.submit(number, Problem("p", "t", "?", "", tests=tests), answer, spec)
        done = sum(1 for _ in pool.drain())
    rate = done / (time.perf_counter() - begin)
    return {"start_ms": start_ms, "per_second": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--pooled", type=int, default=100_000)
    parser.add_argument("--code", action="store_true", help="only the sandboxes")
    parser.add_argument("--images", type=Path, default=LOCK, help="the image lock")
    parser.add_argument("--inspect-python", type=Path, help="Python of an environment with inspect")
    parser.add_argument("--pairs", type=Path, action="append", default=[])
    parser.add_argument("--choices", type=Path, action="append", default=[])
    parser.add_argument("--blocks", type=Path, action="append", default=[])
    options = parser.parse_args()
    if options.code:
        print(json.dumps(sandboxes(options.images, 40), indent=2))
        return
    logging.disable(logging.CRITICAL)
    found = measured(options)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    show_agreement(found["agreement"], [KINDS, HANDED, *options.pairs])
    show_speeds(found)
    for name, row in found["multiple_choice"].items():
        print(
            f"multiple choice, {name}: {row['right']:.0f} of {row['answers']:.0f} as labelled, "
            f"{row['fp']:.0f} false positives, {row['answers'] / row['seconds']:,.0f} answers/s"
        )
    for name, (right, count) in found["code_extraction"].items():
        print(f"code extraction, {name}: {right} of {count} as labelled")
    for name, row in found["code"].items():
        print(f"code, {name}: starts and ends in {row['start_ms']:.0f} ms")
        if "per_second" in row:
            print(f"  two workers: {row['per_second']:.1f} problems/s of three tests each")


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is measured, as ``--json`` prints it."""
    pool = pooled(options.pooled)  # first, while this process is small
    pairs = pairs_of([KINDS, *filter(Path.exists, [HANDED]), *options.pairs])
    judges = {"this judge": ours, "math-verify": math_verify_alone, "string match": string_match}
    if options.inspect_python:
        judges["inspect"] = inspect_alone(options.inspect_python, pairs)
    timed = {"this judge": judge_text, "math-verify": verify_text}
    return {
        "agreement": {name: agreement(equal, pairs) for name, equal in judges.items()},
        "per_second": speeds(timed, ordinary(options.items)),
        "latex_per_second": speeds(timed, latex_heavy(options.items // 4)),
        "multiple_choice": choices(options.choices),
        "code_extraction": extraction([BLOCKS, *options.blocks]),
        "pool": pool,
        "code": sandboxes(options.images, 40),
    }


def show_agreement(tables: dict[str, Any], files: list[Path]) -> None:
    """A table by category, then each judge's figures for each of ``files``, and in all."""
    print(f"{'category':<12}{'pairs':>6}" + "".join(f"{name + ' FP/FN':>22}" for name in tables))
    for category, row in tables["this judge"].items():
        cells = [f"{table[category]['fp']}/{table[category]['fn']}" for table in tables.values()]
        print(f"{category:<12}{row['pairs']:>6}" + "".join(f"{cell:>22}" for cell in cells))
    for name, table in tables.items():
        row, first = table["all"], table["first"]
        agreed, before = (1 - (one["fp"] + one["fn"]) / one["pairs"] for one in (row, first))
        for stem in (path.stem for path in files if path.stem in table):
            one = table[stem]
            right = one["pairs"] - one["fp"] - one["fn"]
            print(f"{name}, {stem}: {right} of {one['pairs']}, {one['fp']} false positives")
        print(
            f"{name}: {agreed:.1%} agreement, {before:.1%} by the first labels, "
            f"slowest item {row['slowest_ms']} ms"
        )


def show_speeds(found: dict[str, Any]) -> None:
    """Items per second of CPU time beside math-verify's, then the pool."""
    for what, key in (("ordinary numeric", "per_second"), ("LaTeX-heavy", "latex_per_second")):
        rates = found[key]
        ratio = rates["this judge"] / rates["math-verify"]
        print(
            f"{what} answers: {rates['this judge']:,.0f} items/s of CPU time against "
            f"{rates['math-verify']:,.0f} of math-verify: {ratio:.1f} ×"
        )
    pool = found["pool"]
    print(
        f"pool of two, algebra: {pool['items']:,.0f} items, {pool['per_second']:,.0f} items/s, "
        f"host memory + {pool['host_growth_mib']:.0f} MiB"
    )


if __name__ == "__main__":
    main()
