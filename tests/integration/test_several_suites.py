"""Several suites in one command: one worker, and each suite as if it had been evaluated alone.

The engine is an endpoint, whose answers follow from question, seed, sampling and template alone.
"""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import replayed
from helpers.chat_server import ChatServer, Reply, serving

from smallscale_ci.run.folder import RunFolder

ODDS = """\
name: odds
gate: tiny
template: {enable_thinking: false}
sampling: {max_tokens: 48, temperature: 0.5, seed: 3}
tasks:
  - {name: odd, source: odds.jsonl, judge: {name: math}}
"""
SERVED = """\
name: served
engine: openai
runtime: local
max_in_flight: 4
engine_args: {{base_url: "{url}"}}
"""
BOTH = ("eval", "m", "--suite", "tiny", "--suite", "odds", "--profile", "served")
COUNT = 40


class Endpoint:
    """Answers most sums right, a while after they were asked."""

    def __init__(self) -> None:
        self.pause, self.status = 0.0, 200
        self.failing = ""  # what a question has that is not answered any more
        self.worse = ""  # what a question has that is always answered wrong

    def answer(self, body: dict[str, Any], number: int) -> Reply:
        question = body["messages"][-1]["content"]
        if self.failing and self.failing in question:
            return 401, {}, {"error": {"message": "no such key", "type": "t"}}
        time.sleep(self.pause)
        thinks = body.get("chat_template_kwargs", {}).get("enable_thinking", True)
        known = json.dumps(
            [question, body["seed"], body["temperature"], body["max_tokens"], thinks]
        )
        drawn = int(hashlib.sha256(known.encode()).hexdigest()[:8], 16)
        terms = [int(word) for word in question.replace("?", " ").split() if word.isdigit()]
        wrong = drawn % 5 == 0 or (self.worse and self.worse in question)
        text = f"It is \\boxed{{{-7 if wrong else sum(terms)}}}."
        usage = {"prompt_tokens": 5, "completion_tokens": 10 + drawn % 30, "total_tokens": 50}
        choice = {"index": 0, "finish_reason": "stop",
                  "message": {"role": "assistant", "content": text}}  # fmt: skip
        value = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        return 200, {}, {**value, "choices": [choice], "usage": usage}


@pytest.fixture(scope="module")
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture(scope="module")
def server(endpoint: Endpoint) -> Iterator[ChatServer]:
    with serving(endpoint.answer) as server:
        yield server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: ChatServer) -> Path:
    """Two suites, an endpoint as an engine, and a baseline of each suite."""
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=COUNT)
    rows = [{"question": f"Add {n} and {n + 2} ?", "gold": str(2 * n + 2)} for n in range(COUNT)]
    suites = place / "configs" / "suites"
    (suites / "odds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (suites / "odds.yaml").write_text(ODDS)
    (place / "configs" / "engines" / "served.yaml").write_text(SERVED.format(url=server.url))
    arguments = [*BOTH, "--json", "--runs", str(place / "recorded")]
    done = replayed.smallscale(place, "generate", *arguments[1:])
    assert done.returncode == 0, done.stderr
    for value in json.loads(done.stdout):
        again = ("baseline", "record", value["run"], "-m", "first", "--by", "Ada")
        recorded = replayed.smallscale(place, *again, "--baselines", "baselines")
        assert recorded.returncode == 0, recorded.stderr
    return place


@pytest.fixture(autouse=True)
def _answers(endpoint: Endpoint) -> None:
    endpoint.pause, endpoint.failing, endpoint.worse = 0.0, "", ""


def verdict(run: Path) -> dict[str, Any]:
    """The verdict without what names the run."""
    value = json.loads((run / "verdict.json").read_text())
    value.pop("made_from")
    return value


def test_each_suite_is_as_if_evaluated_alone(
    place: Path, tmp_path: Path, server: ChatServer
) -> None:
    runs, before = tmp_path / "runs", server.listed
    done = replayed.smallscale(place, *BOTH, "--json", "--runs", runs)
    assert done.returncode == 0, done.stderr
    assert server.listed == before + 1  # as each engine does once
    values = json.loads(done.stdout)
    assert [value["kind"] for value in values] == ["PASS", "PASS"]
    pair = [Path(value["run"]) for value in values]
    first, second = (RunFolder(run).read_manifest() for run in pair)
    assert [first.suite.name, second.suite.name] == ["tiny", "odds"]
    assert first.runtime.loaded_by == ""
    assert second.runtime.loaded_by == first.run_id
    assert second.timings.start_s == 0
    assert second.ranks["0"].load_s == 0
    assert second.ranks["0"].busy_s > 0
    assert second.timings.tokens_per_s > 0
    assert not list((pair[1] / "work" / "log").iterdir())  # its process is the first run's
    shown = [line for line in done.stderr.splitlines() if "generating" in line]
    assert {line.partition(":")[0] for line in shown} == {"tiny", "odds"}
    for name, run in zip(("tiny", "odds"), pair, strict=True):
        alone = replayed.smallscale(
            place, "eval", "m", "--suite", name, *BOTH[-2:], "--json", "--runs", tmp_path / name
        )
        assert alone.returncode == 0, alone.stderr
        other = Path(json.loads(alone.stdout)["run"])
        assert replayed.answers(run) == replayed.answers(other)
        assert len(replayed.answers(run)) == COUNT
        assert verdict(run) == verdict(other)
        ours, theirs = (RunFolder(path).read_manifest() for path in (run, other))
        for part in ("suite", "prompts", "sampling", "template", "judges", "engine", "tokens"):
            assert getattr(ours, part) == getattr(theirs, part), part
        for file in ("prompts.parquet", "report/report.md", "report/junit.xml"):
            assert (run / file).is_file()
        made, usual = ({path.name for path in each.rglob("*")} for each in (run, other))
        assert made ^ usual <= {"next.json", "stop", "0.log"}
        done = replayed.smallscale(place, "verify", run)
        assert done.returncode == 0, done.stdout + done.stderr


def started(place: Path, runs: Path, suite: str, endpoint: Endpoint) -> Any:
    """A command for both suites that is in the middle of ``suite``."""
    endpoint.pause = 0.15
    process = replayed.start(place, *BOTH, "--runs", runs)
    replayed.wait_for(
        lambda: [run for run in runs.glob(f"*-{suite}-*") if replayed.lines_out(run) > 8],
        f"some samples of {suite}", 60,
    )  # fmt: skip
    return process


def test_a_worker_that_is_killed_in_the_second_suite_costs_nothing(
    place: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    runs = tmp_path / "runs"
    process = started(place, runs, "odds", endpoint)
    (worker,) = replayed.workers_of(process.pid)
    replayed.kill(worker)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    (run,) = runs.glob("*-odds-*")
    manifest = RunFolder(run).read_manifest()
    assert len(manifest.warnings) == 1
    assert "was started again" in manifest.warnings[0]
    assert manifest.ranks["0"].load_s > 0  # for the one after it
    (recorded,) = (place / "recorded").glob("*-odds-*")
    assert replayed.answers(run) == replayed.answers(recorded)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_ends_in_the_second_suite_has_the_first_verdict(
    place: Path, tmp_path: Path, endpoint: Endpoint, number: signal.Signals
) -> None:
    runs = tmp_path / "runs"
    process = started(place, runs, "odds", endpoint)
    process.send_signal(number)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "No verdict: odds." in err
    (first,), (second,) = runs.glob("*-tiny-*"), runs.glob("*-odds-*")
    assert verdict(first)["kind"] == "PASS"
    assert RunFolder(first).read_manifest().status == "complete"
    assert RunFolder(second).read_manifest().status == "interrupted"
    assert f"smallscale eval --resume {second}" in err
    endpoint.pause = 0.0
    done = replayed.smallscale(place, "eval", "--resume", second)
    assert done.returncode == 0, done.stdout + done.stderr
    (recorded,) = (place / "recorded").glob("*-odds-*")
    assert replayed.answers(second) == replayed.answers(recorded)


def test_a_command_that_ends_in_the_first_suite_leaves_nothing_of_the_second(
    place: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    runs = tmp_path / "runs"
    process = started(place, runs, "tiny", endpoint)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "No verdict: tiny, odds." in err
    assert [path.name.split("-")[2] for path in runs.iterdir()] == ["tiny"]


def test_an_engine_that_is_gone_ends_the_command(
    place: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.failing = "Add"  # as the questions of the second suite begin
    runs = tmp_path / "runs"
    done = replayed.smallscale(place, *BOTH, "--json", "--runs", runs)
    assert done.returncode == 3, done.stderr
    assert "No verdict: odds." in json.loads(done.stdout)["error"]
    (first,), (second,) = runs.glob("*-tiny-*"), runs.glob("*-odds-*")
    assert verdict(first)["kind"] == "PASS"
    assert RunFolder(second).read_manifest().status == "failed"


def test_the_exit_code_is_the_worst_and_so_are_the_outputs_of_a_job(
    place: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.worse = "What"  # as the questions of the first suite begin
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    done = replayed.smallscale(
        place, *BOTH, "--json", "--runs", tmp_path / "runs", GITHUB_ACTIONS="true",
        GITHUB_OUTPUT=str(outputs), GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    values = json.loads(done.stdout)
    assert [value["kind"] for value in values] == ["REGRESSED", "PASS"]
    set_to = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert (set_to["verdict"], set_to["run"]) == ("REGRESSED", values[0]["run"])
    assert "REGRESSED" in summary.read_text()
    assert "PASS" in summary.read_text()


def test_what_cannot_be_compared_ends_the_command_before_anything_is_generated(
    place: Path, tmp_path: Path, server: ChatServer
) -> None:
    (named,) = (place / "recorded").glob("*-tiny-*")
    before, runs = len(server.bodies), tmp_path / "runs"
    done = replayed.smallscale(place, *BOTH, "--json", "--baseline", named, "--runs", runs)
    assert done.returncode == 4, done.stderr
    (value,) = [json.loads(done.stdout)]
    assert (value["kind"], value["run"]) == ("INVALID", None)
    assert "Nothing was generated for the suites tiny, odds." in done.stderr
    assert len(server.bodies) == before
    assert not runs.exists() or not list(runs.iterdir())


def test_a_trial_and_a_plan_are_of_every_suite(
    place: Path, tmp_path: Path, server: ChatServer
) -> None:
    before, runs = len(server.bodies), tmp_path / "runs"
    done = replayed.smallscale(place, *BOTH, "--dry-run", "--json", "--runs", runs)
    assert done.returncode == 0, done.stderr
    plans = json.loads(done.stdout)
    assert [plan["config"]["suite"]["name"] for plan in plans] == ["tiny", "odds"]
    assert [plan["baseline"]["name"] for plan in plans] == ["m", "m"]
    assert len(server.bodies) == before
    done = replayed.smallscale(place, *BOTH, "--limit", "3", "--json", "--runs", runs)
    assert done.returncode == 5, done.stderr
    tried = json.loads(done.stdout)
    assert [[task["problems"] for task in value["tasks"]] for value in tried] == [[3], [3]]
    assert len(server.bodies) == before + 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--suite", "tiny", "--suite", "tiny"), "--suite names tiny twice"),
        (("--suite", "tiny", "--suite", "configs/suites/tiny.yaml"), "Two suites are called tiny"),
        (("--suite", "tiny", "--suite", "od"), "od"),
        (("--suite", "tiny odds", "--resume", "runs/x"), "resumes one run"),
    ],
)
def test_suites_that_cannot_be_meant(place: Path, given: tuple[str, ...], said: str) -> None:
    done = replayed.smallscale(place, "eval", "m", "--profile", "served", *given)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
