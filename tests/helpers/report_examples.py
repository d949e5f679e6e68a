"""Verdicts of every kind, and text from a model that wants to break out of the report."""

import base64
import json
import math
import random
import zlib
from dataclasses import replace

from smallscale_ci.records import (
    Accounting,
    Advice,
    Check,
    Difference,
    Estimate,
    Flip,
    Metric,
    Outcome,
    Reason,
    ReasonKind,
    Scale,
    Summary,
    TaskSummary,
    Verdict,
    VerdictKind,
)
from smallscale_ci.report.interface import Answer, Excerpt, ReportData
from smallscale_ci.report.problems import Packed

PASS, REGRESSED = VerdictKind.PASS, VerdictKind.REGRESSED
INCONCLUSIVE, INVALID = VerdictKind.INCONCLUSIVE, VerdictKind.INVALID

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202edesrever\n::error::owned\n"
    "##[error]owned @octocat #12 ![x](http://evil.example/p.png) "
    "[y](javascript:alert(1)) <script>alert(1)</script> <img src=x onerror=alert(1)> "
    "www.evil.example | a | `tick` \\| $x$ </details> a%0A::stop-commands::x \ud800 [bold]b[/bold]"
)


def stated(text: str) -> Reason:
    return Reason(ReasonKind.STATED, text=text)


def estimate(value: float, half: float, n: int = 400) -> Estimate:
    return Estimate(value, value - half, value + half, n, n, "paired t, clustered")


def check(
    task: str, metric: Metric, kind: VerdictKind, before: float, after: float, half: float
) -> Check:
    is_tokens = metric.scale is Scale.LENGTH
    value = math.log(after / before) if is_tokens else after - before
    return Check(
        task=task,
        metric=metric,
        kind=kind,
        baseline=before,
        candidate=after,
        estimate=estimate(value, half),
        margin={Metric.ACCURACY: 0.02, Metric.TOKENS: 0.05, Metric.TRUNCATION: 0.01}[metric],
        p_value=0.0004 if kind is REGRESSED else 0.31,
        adjusted_p=0.0012 if kind is REGRESSED else 0.62,
        boundary=0.01,
        pass_p=0.01 if kind is PASS else 0.6,
        pass_boundary=0.05,
        gated=True,
        discordant=31,
        identical=False,
        advice=Advice(looks=3) if kind is INCONCLUSIVE else None,
    )


def checks(math_kind: VerdictKind, lost: float) -> tuple[Check, ...]:
    return (
        check("gsm8k", Metric.ACCURACY, math_kind, 0.612, 0.612 - lost, 0.012),
        check("gsm8k", Metric.TOKENS, PASS, 118.2, 119.9, 0.01),
        check("gsm8k", Metric.TRUNCATION, PASS, 0.0, 0.0, 0.002),
        check("mmlu-pro", Metric.ACCURACY, PASS, 0.413, 0.418, 0.01),
        check("mmlu-pro", Metric.TOKENS, math_kind, 1204.0, 1204.0 * (1 + 3 * lost), 0.02),
        replace(check("mmlu-pro", Metric.TRUNCATION, PASS, 0.01, 0.031, 0.01), gated=False),
    )


def task(name: str, accuracy: float, tokens: float) -> TaskSummary:
    counts = {"CORRECT": 240, "WRONG": 150, "UNPARSED": 6, "TRUNCATED": 4, "ERRORED": 0}
    return TaskSummary(
        name,
        400,
        1.0,
        {
            Metric.ACCURACY: estimate(accuracy, 0.04),
            Metric.TOKENS: estimate(tokens, 5.0),
            Metric.TRUNCATION: estimate(0.01, 0.01),
        },
        tokens - 10,
        tokens * 2,
        tokens - 20,
        counts,
    )


SUMMARY = Summary(
    (task("gsm8k", 0.488, 119.9), task("mmlu-pro", 0.418, 1634.0)),
    800,
    {"CORRECT": 480, "WRONG": 300, "UNPARSED": 12, "TRUNCATED": 8, "ERRORED": 0},
)

FLIPS = (
    Flip("gsm8k", "3f2a9c1b77aa01", 1.0, 0.0, 120.4, 256.0),
    Flip("gsm8k", "77aa013f2a9c1b", 0.75, 0.0, 88.0, 91.5),
    Flip("mmlu-pro", "9c1b77aa013f2a", 0.0, 1.0, 700.0, 650.0),
)

EXCERPTS = {
    "3f2a9c1b77aa01": Excerpt(
        "gsm8k",
        "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in "
        "May. How many clips did Natalia sell altogether?",
        "72",
        (Answer(0, Outcome.WRONG, 256, "24", "24 is not 72", "48 / 2 = 24, so \\boxed{24}."),),
        (Answer(0, Outcome.CORRECT, 118, "72", "equal", None),),
    ),
}


def verdict(kind: VerdictKind = PASS, **changes: object) -> Verdict:
    lost = {REGRESSED: 0.123, INCONCLUSIVE: 0.018}.get(kind, 0.001)
    made = Verdict(
        kind=kind,
        look=1,
        of=4,
        reasons=(stated("The gate looked at 6 checks."),),
        checks=checks(PASS if kind is INVALID else kind, lost),
        accounting=Accounting(800, 800, SUMMARY.outcomes),
        differences=(),
        policy="smoke",
        reproduced_exactly=False,
        flips=FLIPS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def invalid_verdict() -> Verdict:
    return verdict(
        INVALID,
        reasons=(
            stated("The two runs used different sampling."),
            stated("The policy allows no difference."),
        ),
        checks=(),
        flips=(),
        differences=(
            Difference("sampling.temperature", "0.6", "1.0"),
            Difference("gpu", "NVIDIA L4", "NVIDIA H100", allowed=True),
        ),
    )


def report(made: Verdict | None = None, **changes: object) -> ReportData:
    data = ReportData(
        run_id="20260131-235959-smoke-tiny-1a2b",
        model="tiny",
        suite="smoke",
        profile="vllm-cpu",
        candidate=SUMMARY,
        verdict=made,
        baseline=SUMMARY if made else None,
        baseline_name="smollm2" if made else "",
        run_folder="runs/20260131-235959-smoke-tiny-1a2b",
        provenance={"engine": "vllm 0.31.0", "checkpoint": "sha256:12ab"},
        excerpts=EXCERPTS if made else {},
        metrics={"tokens/s": 1234.5, "GPU seconds": 12.25},
    )
    return replace(data, **changes)  # type: ignore[arg-type]


INTERRUPTED = report(
    status="interrupted",
    candidate=replace(SUMMARY, outcomes={"CORRECT": 80, "WRONG": 40}),
    next_steps=("smallscale eval tiny --resume goes on where it stopped.",),
)
EXAMPLES = {
    "pass": report(verdict(PASS)),
    "reproduced": report(
        verdict(PASS, checks=checks(PASS, 0.0), flips=(), reproduced_exactly=True)
    ),
    "regressed": report(verdict(REGRESSED), next_steps=("smallscale report shows every problem.",)),
    "inconclusive": report(verdict(INCONCLUSIVE, notes=(stated("The policy only warns."),))),
    "invalid": report(invalid_verdict()),
    "interrupted": INTERRUPTED,
    "no-baseline": report(
        next_steps=("smallscale baseline record RUN makes this run the baseline.",)
    ),
}


def hostile_report() -> ReportData:
    """The same hostile text in every field that a model, a data set or a file name can fill."""
    answer = Answer(0, Outcome.WRONG, 9, HOSTILE, HOSTILE, HOSTILE)
    flips = (Flip(HOSTILE, "evil", 1.0, 0.0, 10.0, 20.0),)
    bad = tuple(
        replace(item, task=HOSTILE, advice=Advice(looks=3)) for item in checks(REGRESSED, 0.1)
    )
    made = verdict(
        REGRESSED,
        checks=bad,
        flips=flips,
        reasons=(stated(HOSTILE),),
        notes=(stated(HOSTILE),),
        policy=HOSTILE,
        differences=(Difference(HOSTILE, HOSTILE, HOSTILE),),
    )
    return report(
        made,
        model=HOSTILE,
        suite=HOSTILE,
        baseline_name=HOSTILE,
        run_id=HOSTILE,
        run_folder=HOSTILE,
        provenance={HOSTILE: HOSTILE},
        metrics={HOSTILE: HOSTILE},
        next_steps=(HOSTILE,),
        excerpts={"evil": Excerpt(HOSTILE, HOSTILE, HOSTILE, (answer,), (answer,))},
    )


def unpack(packed: Packed) -> list[list]:
    return json.loads(zlib.decompress(base64.b64decode(packed.blob)))


def large(problems: int, epochs: int, length: int) -> ReportData:
    """Random letters: nothing that a model writes compresses as badly."""
    rng = random.Random(7)
    letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz     ", k=length * 50))

    def words() -> str:
        start = rng.randrange(len(letters) - length)
        return letters[start : start + length]

    def answer(index: int) -> Answer:
        outcome = Outcome.CORRECT if rng.random() < 0.8 else Outcome.WRONG
        return Answer(index, outcome, rng.randrange(900), "12", "not equal", words())

    excerpts = {
        f"{number:016x}": Excerpt(
            "gsm8k" if number % 2 else "mmlu-pro",
            words()[:250],
            "12",
            tuple(answer(index) for index in range(epochs)),
            tuple(answer(index) for index in range(epochs)),
        )
        for number in range(problems)
    }
    return report(verdict(REGRESSED), excerpts=excerpts)
