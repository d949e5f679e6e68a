"""A small world without an engine: a suite, a stored run to replay, and the command line.

Everything is made by the project's own functions, so what the tests read is what users get.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from helpers import forked
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config import folders, load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.run import RunConfig
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.files import write_json
from smallscale_ci.generate.progress import Progress
from smallscale_ci.ids import file_hash
from smallscale_ci.pipeline import judge
from smallscale_ci.pipeline.due import prompts_id
from smallscale_ci.pipeline.provenance import judge_versions
from smallscale_ci.records import SamplingSpec
from smallscale_ci.run import chain, recording, tables
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import COMPLETE, Engine, Runtime, Status, SuiteId
from smallscale_ci.run.run import read_run
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.model import Suite

SUITE = """\
name: tiny
description: sums
gate: tiny
sampling:
  max_tokens: 64
tasks:
  - name: sums
    source: tiny.parquet
    judge:
      name: math
"""
GATE = """\
name: tiny
margins: {accuracy: 0.12, tokens: 0.2, truncation: 0.1}
max_epochs: 1
"""
SLOW = """\
name: slow
engine: replay
runtime: local
order: as-is
ranks: 2
max_in_flight: 4
engine_args: {tokens_per_second: 200}
"""


class Nobody:
    """An observer that looks away."""

    def say(self, text: str) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass


def make_configs(place: Path, problems: int = 60) -> None:
    """``place/configs`` with the suite, the gate ``tiny`` and the profile ``slow``."""
    for folder, name, text in (
        ("suites", "tiny", SUITE),
        ("gates", "tiny", GATE),
        ("engines", "slow", SLOW),
    ):
        path = place / "configs" / folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    table = pa.table(
        {
            "question": [f"What is {number} + {number + 1}?" for number in range(problems)],
            "gold": [str(2 * number + 1) for number in range(problems)],
        }
    )
    pq.write_table(table, place / "configs" / "suites" / "tiny.parquet")


def settings(place: Path) -> Settings:
    """The settings of a command in ``place``, on a fixed day."""
    return Settings(
        roots=folders.default_roots(place),
        cache=place / "cache",
        environments=place / "envs",
        runs=place / "runs",
        baselines=place / "baselines",
        environment={},
        now=partial(datetime, 2026, 1, 31, tzinfo=UTC),
        nonce=lambda: "ab12",
    )


def read_suite(place: Path, name: str = "tiny") -> tuple[SuiteConfig, Suite]:
    """The suite that ``make_configs`` wrote."""
    file = place / "configs" / "suites" / f"{name}.yaml"
    config = load.load(SuiteConfig, str(file), ())
    return config, load_suite(config, file.parent)


def make_run(
    place: Path,
    name: str,
    *,
    model: str = "m",
    profile: str = "replay",
    epochs: int = 2,
    wrong: float = 0.2,
    longer: float = 1.0,
    seed: int = 0,
    suite_name: str = "tiny",
    status: str = COMPLETE,
) -> Path:
    """A complete, judged run in ``place/stored/name`` of a model that errs in ``wrong`` of all."""
    config, suite = read_suite(place, suite_name)
    run = RunFolder(place / "stored" / name)
    run.path.mkdir(parents=True)
    sampling = SamplingSpec(**config.sampling.model_dump())
    planned = list(prompts.build(suite, range(epochs), sampling.seed))
    prompts.write(planned, run.prompts, suite.hash)
    chance = random.Random(seed)
    golds = {problem.id: problem.gold for problem in suite.problems}
    rows = []
    for prompt in planned:
        right = chance.random() >= wrong
        answer = golds[prompt.problem_id] if right else "-7"
        tokens = int(longer * chance.randint(10, 40))
        rows.append(
            {
                "problem_id": prompt.problem_id,
                "sample_index": prompt.sample_index,
                "text": f"The sum is \\boxed{{{answer}}}.",
                "token_ids": list(range(tokens)),
                "prompt_tokens": 9,
                "completion_tokens": tokens,
                "finish_reason": "STOP",
                "rank": 0,
                "seconds": 0.5,
                "error": "",
            }
        )
    tables.write(run.generations, tables.GENERATIONS, rows, file_hash(run.prompts))
    hashes = {problem.id: problem.id for problem in suite.problems}
    manifest = provenance.begin(
        run_id=name,
        now=datetime(2026, 1, 31, tzinfo=UTC),
        checkpoint=Checkpoint(model, Path(f"/models/{model}"), f"/models/{model}", *"abcd"),
        suite=SuiteId(suite.name, suite.hash),
        sampling=sampling,
        judges=judge_versions(suite),
        engine=Engine("vllm"),
        profile=profile,
        runtime=Runtime("local"),
        repository=place,
    )
    manifest = provenance.with_engine(manifest, {"version": "0.31.0", "device": "cpu"})
    asked = prompts_id(hashes, suite)
    resolved = RunConfig(
        name=name,
        model=model,
        suite=config,
        suite_folder=str(place / "configs" / "suites"),
        profile=EngineProfile(name=profile, engine="replay"),
        gate=GatePolicy(name="tiny"),
        baseline="none",
        epochs=epochs,
        max_epochs=epochs,
    )
    run.config.write_text(load.dump(resolved))
    known = {"prompts": asked, "planned": len(rows), "epochs": epochs}
    known["files"] = chain.hashes(run.path)
    write_json(run.manifest, replace(manifest, status=Status(status), **known))
    judge.judge(run, suite, Nobody())
    return run.path


def record(
    run: Path, root: Path, reason: str = "x", now: datetime = datetime(2026, 1, 31, tzinfo=UTC)
) -> Path:
    """Make a run the baseline of its suite, profile and model; returns its folder."""
    return recording.record(
        read_run(run), root=root, now=now, by="Ada", reason=reason, min_judged=0.99
    )


def rehash(run: Path) -> None:
    """Let the manifest name the files as they are now."""
    file = run / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "files": chain.hashes(run)}))


def alter(run: Path, **changes: object) -> None:
    """Change fields of a run's manifest; a mapping changes only the keys that it names.

    ``None`` removes a field. Evidence that is there names the manifest as it is then: what is
    looked for is not that somebody changed it.
    """
    file = run / "manifest.json"
    value = json.loads(file.read_text())
    for key, new in changes.items():
        value[key] = {**value[key], **new} if isinstance(new, dict) else new
    file.write_text(json.dumps({key: new for key, new in value.items() if new is not None}))
    name_manifest(run)


def name_manifest(run: Path) -> None:
    """Make the evidence of ``run``, if there is any, that of its manifest as it is now."""
    file = run / "evidence.intoto.json"
    if file.exists():
        value = json.loads(file.read_text())
        value["predicate"]["manifest_sha256"] = file_hash(run / "manifest.json")
        file.write_text(json.dumps(value))


def smallscale(
    place: Path, *arguments: str | Path, timeout: float = 240, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in ``place`` as a process of its own."""
    given = _environment(environment)
    if not forked.starts_otherwise(given):
        return forked.run([*map(str, arguments)], place, given, timeout)
    return subprocess.run(
        _command(arguments),
        cwd=place,
        env=given,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(place: Path, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Start the command line in ``place``; what it prints is kept in its pipes."""
    return subprocess.Popen(
        _command(arguments),
        cwd=place,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)


def lines_out(run: Path) -> int:
    """Number of completions that are on disk in the work folder of ``run``."""
    return sum(path.read_bytes().count(b"\n") for path in (run / "work" / "out").glob("*.jsonl"))


def workers_of(host: int) -> list[int]:
    """Process ids of the workers that the process ``host`` started."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--parent" in command and str(host).encode() == command[command.index(b"--parent") + 1]:
            found.append(int(folder.name))
    return found


def kill(process: int) -> None:
    """SIGKILL."""
    os.kill(process, signal.SIGKILL)


def answers(run: Path) -> list[tuple[str, int, str, tuple[int, ...]]]:
    """What ``generations.parquet`` says, without what may differ between two runs."""
    return [
        (g.problem_id, g.sample_index, g.text, g.token_ids)
        for g in tables.generations(run / "generations.parquet")
    ]


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-c", forked.MAIN, *map(str, arguments)]


def _environment(more: dict[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMALLSCALE_")}
    return {**kept, "COLUMNS": "200", **more}
