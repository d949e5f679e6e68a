"""``report.html`` in a real browser: it shows, filters and opens, and asks the network nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.headless_chromium import Browser, browser

from smallscale_ci.records import (
    Accounting,
    Check,
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
from smallscale_ci.report import html
from smallscale_ci.report.interface import Answer, Excerpt, ReportData

ATTACK = (
    "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>{{ 7 * 7 }} \x1b[31m"
)
VISIBLE = "return [...document.querySelectorAll('.problem .name')].map((name) => name.textContent)"
READY = "return document.querySelectorAll('.problem').length > 0"


def excerpt(number: int, task: str) -> Excerpt:
    """Problem 0 was lost, 1 gained, 2 truncated, 3 errored, 4 grew most; the others are still."""
    tokens = {2: 256, 4: 190}.get(number, 100)
    after = {0: Outcome.WRONG, 2: Outcome.TRUNCATED, 3: Outcome.ERRORED}.get(
        number, Outcome.CORRECT
    )
    before = Outcome.WRONG if number in {1, 2} else Outcome.CORRECT
    text = f"answer {number} {ATTACK if number == 0 else ''}"
    errored = after is Outcome.ERRORED
    first = Answer(0, after, None if errored else tokens, str(number), f"reason {number}", text)
    return Excerpt(
        task,
        f"question {number} {ATTACK if number == 0 else ''}",
        f"gold {number}",
        (first, Answer(1, after, None if errored else tokens, None, "second", "other text")),
        (Answer(0, before, 100, "base", "equal", None),),
        f"question {number}\n\nA. one\nB. two {ATTACK if number == 0 else ''}",
    )


def level(value: float) -> Estimate:
    return Estimate(value, value * 0.9, value * 1.1, 60, 60, "t")


def report() -> ReportData:
    counts = {"CORRECT": 60, "WRONG": 60}
    levels = {metric: level(0.5 if metric.scale is Scale.RATE else 100.0) for metric in Metric}
    tasks = tuple(
        TaskSummary(name, 60, 2.0, levels, 90.0, 180.0, 95.0, counts)
        for name in ("algebra", "history")
    )
    check = Check(
        task="algebra",
        metric=Metric.ACCURACY,
        kind=VerdictKind.REGRESSED,
        baseline=0.6,
        candidate=0.5,
        estimate=level(-0.1),
        margin=0.02,
        p_value=0.001,
        adjusted_p=0.001,
        boundary=0.01,
        pass_p=0.9,
        pass_boundary=0.05,
        gated=True,
        discordant=2,
        identical=False,
    )
    verdict = Verdict(
        kind=VerdictKind.REGRESSED,
        look=1,
        of=4,
        reasons=(Reason(ReasonKind.STATED, text=ATTACK),),
        checks=(check,),
        accounting=Accounting(120, 120, counts),
        differences=(),
        policy="smoke",
        reproduced_exactly=False,
        flips=(
            Flip("algebra", "id-0", 1.0, 0.0, 100.0, 100.0),
            Flip("history", "id-1", 0.0, 1.0, 100.0, 100.0),
        ),
    )
    summary = Summary(tasks, 120, counts)
    excerpts = {f"id-{n}": excerpt(n, "algebra" if n % 2 == 0 else "history") for n in range(120)}
    return ReportData(
        "run-1", f"model {ATTACK}", "smoke", "cpu", summary, verdict, summary, "base",
        provenance={ATTACK: ATTACK}, excerpts=excerpts,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.render(report()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def session() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def opened(session: Browser, page: Path) -> Iterator[Browser]:
    """The page, loaded afresh; afterwards it must have been silent, alone and unharmed."""
    session.requests()
    session.open(page)
    session.wait(READY)
    yield session
    assert session.console() == []
    assert session.requests() == [page.as_uri()]
    assert session.run("return window.owned === undefined")


def choose(session: Browser, name: str) -> list[str]:
    session.run(
        f"[...document.querySelectorAll('#filters label')].find("
        f"(label) => label.textContent.startsWith('{name}')).click()"
    )
    return [" ".join(text.split()[:3]) for text in session.run(VISIBLE)]


def test_it_starts_with_the_verdict_and_what_was_lost(opened: Browser) -> None:
    assert opened.run("return document.querySelector('h1 .badge').textContent") == "REGRESSED"
    assert opened.run("return document.querySelector('#status').textContent") == (
        "Right → wrong: 1 of 120 problems."
    )
    assert opened.run("return document.querySelectorAll('svg.chart').length") == 7


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Right", ["algebra question 0"]),
        ("Wrong", ["history question 1"]),
        ("Truncated", ["algebra question 2"]),
        ("Errored", ["history question 3"]),
        ("Longest", ["algebra question 2", "algebra question 4"]),
    ],
)
def test_filters(opened: Browser, name: str, expected: list[str]) -> None:
    assert choose(opened, name) == expected


def test_task_search_and_more(opened: Browser) -> None:
    assert len(choose(opened, "All")) == 50
    status = opened.run("return document.querySelector('#status').textContent")
    assert status == "All: 120 of 120 problems, 50 of 120 shown."
    more = "return document.querySelector('#more').getClientRects().length > 0"
    assert opened.run(more)
    opened.run("document.querySelector('#more').click()")
    assert len(opened.run(VISIBLE)) == 100
    opened.run(
        "const task = document.querySelector('#task'); task.value = 'history';"
        "task.dispatchEvent(new Event('change'))"
    )
    assert all(name.startswith("history") for name in opened.run(VISIBLE))
    opened.run("document.querySelector('#search').focus()")
    opened.press("question 77")
    assert opened.run(VISIBLE) == ["history question 77 "]
    assert not opened.run(more)  # there are no more


def test_a_problem_opens_by_keyboard_to_both_answers(opened: Browser) -> None:
    opened.run("document.querySelector('.problem summary').focus()")
    opened.press("\ue007")  # Enter
    inside = opened.wait("return document.querySelector('.problem .inside')?.innerText")
    assert "question 0\n\nA. one\nB. two" in inside  # the prompt, whole
    for expected in ("gold 0", "reason 0", "answer 0", "The text is not stored.", "{{ 7 * 7 }}"):
        assert expected in inside
    # Model text is there to the letter, less its control characters.
    assert "</script><script>window.owned = 1</script>" in inside
    assert "\x1b" not in inside
    opened.run("document.querySelectorAll('.side')[1].querySelectorAll('button')[1].click()")
    assert "other text" in opened.run("return document.querySelectorAll('.side')[1].innerText")


def test_an_open_problem_stays_open_when_the_list_changes(opened: Browser) -> None:
    choose(opened, "All")
    opened.run("document.querySelector('.problem summary').click()")
    inside = "return document.querySelectorAll('.problem[open] .inside').length"
    opened.wait(f"{inside} === 1")
    opened.run("document.querySelector('#more').click()")
    assert opened.run(inside) == 1
    choose(opened, "Truncated")
    assert opened.run(inside) == 0
    choose(opened, "All")
    assert opened.run(inside) == 1


def test_filters_work_by_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('#filters input:checked').focus()")
    opened.press("\ue014")  # right arrow
    assert opened.run("return document.querySelector('#status').textContent").startswith(
        "Wrong → right"
    )


@pytest.mark.parametrize("width", [360, 800, 1200])
def test_the_page_never_scrolls_sideways(session: Browser, page: Path, width: int) -> None:
    session.open(page, width=width, height=800)
    session.wait(READY)
    session.run("document.querySelector('.problem').open = true")
    session.wait("return document.querySelector('.inside') !== null")
    assert session.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("media", "scheme", "background"),
    [
        ("screen", "light", "rgb(255, 255, 255)"),
        ("screen", "dark", "rgb(20, 23, 28)"),
        ("print", "dark", "rgb(255, 255, 255)"),
    ],
)
def test_themes(session: Browser, page: Path, media: str, scheme: str, background: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    session.devtools("Emulation.setEmulatedMedia", media=media, features=features)
    session.open(page)
    session.wait(READY)
    shown = session.run("return getComputedStyle(document.body).backgroundColor")
    session.devtools("Emulation.setEmulatedMedia", media="", features=[])
    assert shown == background


def test_a_page_cannot_load_anything_even_if_it_tried(session: Browser, page: Path) -> None:
    session.open(page)
    session.wait(READY)
    session.console()
    session.run(
        "const made = document.createElement('img'); made.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(made)"
    )
    session.run(
        "const evil = document.createElement('script'); evil.textContent = 'window.owned = 1';"
        "document.body.append(evil)"
    )
    assert session.run("return window.owned === undefined")
    assert any("Content Security Policy" in line for line in session.console())
