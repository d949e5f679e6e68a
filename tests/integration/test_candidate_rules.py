"""``candidate --rules git:REF``: REF judges the candidate, whatever its maker changed."""

import json
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import checkpoints, replayed
from helpers.repositories import git

from smallscale_ci.candidate import prepare
from smallscale_ci.candidate.folder import CandidateFolder
from smallscale_ci.candidate.record import CandidateRecord, CandidateRequest, Parent
from smallscale_ci.cli import places
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.run.manifest import SuiteId
from smallscale_ci.train.runner import Wanted

RECIPE = "name: quick\nobjective: lcpo\nbatch_size: 4\nsteps: 3\n"
SHAPE = {"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 16}
MODEL = {
    **checkpoints.FILES,
    "config.json": json.dumps({"model_type": "tiny", **SHAPE}).encode(),
}
PRACTICE = replayed.SUITE.replace("tiny", "practice")


def practise(place: Path, first: int) -> None:
    """The data of the training suite: sums from ``first`` on."""
    numbers = range(first, first + 40)
    table = pa.table(
        {
            "question": [f"Take {number} from {3 * number}." for number in numbers],
            "gold": [str(2 * number) for number in numbers],
        }
    )
    pq.write_table(table, place / "configs" / "suites" / "practice.parquet")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose branch ``main`` has the rules; the working tree is a pull request."""
    place = tmp_path / "project"
    replayed.make_configs(place)
    practise(place, 100)
    (place / "configs/suites/practice.yaml").write_text(PRACTICE.replace("gate: practice", ""))
    (place / "configs/engines/cpu.yaml").write_text("name: cpu\nengine: vllm\nruntime: local\n")
    (place / "configs/train").mkdir()
    (place / "configs/train/quick.yaml").write_text(RECIPE)
    git(tmp_path, "init", "-q", "-b", "main", "project")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "rules")
    checkpoints.make(place / "model", MODEL)
    monkeypatch.chdir(place)
    monkeypatch.setenv("SMALLSCALE_CACHE", str(tmp_path / "cache"))
    return place


def asked(place: Path, **more: object) -> CandidateRequest:
    known = {
        "model": str(place / "model"),
        "recipe": "quick",
        "train_suite": "practice",
        "eval_suite": "tiny",
        "profile": "cpu",
        "samples": 4,
        "policy": PairPolicy(),
    }
    return CandidateRequest(**{**known, **more})


def prepared(place: Path, *, rules: str = "git:main", **more: object) -> prepare.Loop:
    settings = places.find(engine_python=Path(sys.executable), rules=rules)
    folder = CandidateFolder(place / "candidates" / "c")
    wanted = Wanted(python=Path(sys.executable))
    return prepare.prepare(folder, asked(place, **more), settings, wanted, lambda _: None)


def loosen(place: Path) -> None:
    loose = {"accuracy": 1.0, "tokens": 10.0, "truncation": 1.0}
    file = place / "configs/gates/tiny.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "margins": loose}))
    table = pa.table({"question": ["What is 1 + 1?"], "gold": ["2"]})
    pq.write_table(table, place / "configs/suites/tiny.parquet")
    (place / "configs/engines/cpu.yaml").write_text(
        "name: cpu\nengine: vllm\nruntime: local\ntrust_remote_code: true\n"
    )


def test_the_verdict_is_by_the_rules_whatever_the_pull_request_changed(place: Path):
    honest = prepared(place)
    loosen(place)
    assert prepared(place, rules="").gate.margins.accuracy == 1.0
    loop = prepared(place)
    assert loop.gate == honest.gate
    assert loop.gate.margins.accuracy == 0.12
    assert loop.gate.margins.tokens is None  # shown, not gated: no policy was named
    assert loop.parent.suite.hash == honest.parent.suite.hash
    for plan in (loop.parent, loop.sample):
        assert plan is not None
        assert not plan.config.profile.trust_remote_code
    shutil.copytree(replayed.make_run(place, "parent"), loop.folder.of("parent"))
    checkpoints.make(loop.folder.model)
    verdict = prepare.verdict_plan(loop, lambda _: None)
    assert verdict.config.gate == honest.gate
    assert verdict.config.rules == git(place, "rev-parse", "main")


def test_recipe_and_training_suite_are_those_of_who_makes_the_candidate(place: Path):
    practise(place, 300)
    (place / "configs/train/quick.yaml").write_text(RECIPE.replace("steps: 3", "steps: 7"))
    loop = prepared(place)
    assert loop.recipe.steps == 7
    assert any("Take 300 from 900." in problem.question for problem in loop.suite.problems)


def test_a_training_suite_with_a_policy_that_the_rules_lack_is_used(place: Path):
    shutil.copy(place / "configs/gates/tiny.yaml", place / "configs/gates/own.yaml")
    text = (place / "configs/gates/own.yaml").read_text().replace("name: tiny", "name: own")
    (place / "configs/gates/own.yaml").write_text(text)
    (place / "configs/suites/practice.yaml").write_text(
        f"{PRACTICE}".replace("gate: practice", "gate: own")
    )
    assert prepared(place).sample is not None


def test_a_policy_that_the_rules_lack_judges_nothing(place: Path):
    (place / "configs/gates/own.yaml").write_text("name: own\nmargins: {accuracy: 1.0}\n")
    with pytest.raises(UsageError, match="has no such policy"):
        prepared(place, gate="own")
    suite = (place / "configs/suites/tiny.yaml").read_text()
    (place / "configs/suites/mine.yaml").write_text(
        suite.replace("name: tiny", "name: mine").replace("gate: tiny", "gate: own")
    )
    assert prepared(place, eval_suite="mine").gate.name == "default-without-tokens"


def test_the_pair_policy_cannot_hide_a_leak(place: Path):
    """Each problem is one of the evaluation's, but for its last word."""
    for name, last in (("tiny", "altogether"), ("practice", "now")):
        questions = [
            f"Ada has {number} red marbles and finds {number + 1} blue ones on her way home from "
            f"school, so that she wonders how many marbles there are in her bag {last}"
            for number in range(30)
        ]
        golds = [str(2 * number + 1) for number in range(30)]
        table = pa.table({"question": questions, "gold": golds})
        pq.write_table(table, place / f"configs/suites/{name}.parquet")
    git(place, "commit", "-qam", "marbles")
    lax = PairPolicy(leak_threshold=1.0)
    prepared(place, policy=lax, rules="")
    with pytest.raises(DataError, match="evaluation"):
        prepared(place, policy=lax)


def command(place: Path, *more: str | Path):
    named = ("-s", "practice", "--eval-suite", "tiny", "-p", "cpu", "--recipe", "quick")
    options = (*named, "--engine-python", sys.executable, "--dry-run", *more)
    cache = {"SMALLSCALE_CACHE": str(place.parent / "cache")}
    return replayed.smallscale(place, "candidate", place / "model", *options, **cache)


def test_the_command_lists_what_does_not_count(place: Path):
    loosen(place)
    done = command(place, "--rules", "git:main", "--json")
    assert done.returncode == 0, done.stderr
    assert "changed here, does not count: configs/engines/cpu.yaml, configs/gates/tiny.yaml" in (
        done.stderr
    )
    assert "tiny-without-tokens" in done.stdout


@pytest.mark.parametrize("variable", [{"SMALLSCALE_DRY_RUN": "1"}, {"SMALLSCALE_UNTIL": "sample"}])
def test_no_variable_replaces_the_verdict(place: Path, variable: dict[str, str]):
    named = ("-s", "practice", "--eval-suite", "tiny", "-p", "cpu", "--recipe", "quick")
    options = (*named, "--engine-python", sys.executable, "--rules", "git:main")
    cache = {"SMALLSCALE_CACHE": str(place.parent / "cache")}
    done = replayed.smallscale(place, "candidate", place / "model", *options, **cache, **variable)
    assert done.returncode == 2, done.stderr
    assert "with --rules no variable may replace the verdict" in done.stderr


def test_nothing_that_was_made_before_is_believed(place: Path):
    commit = git(place, "rev-parse", "main")
    out = place / "candidates" / "c"
    record = CandidateRecord(
        id="c",
        created="2026-01-31T00:00:00+00:00",
        package="0",
        parent=Parent("m", "m", *"abcd"),
        recipe={},
        train_suite=SuiteId("practice", "x"),
        eval_suite=SuiteId(SuiteConfig.folder, "x"),
        request=asked(place, rules=commit),
    )
    CandidateFolder(out).begin(record)
    done = command(place, "--rules", "git:main", "--out", out)
    assert done.returncode == 2, done.stderr
    assert "already holds a candidate" in done.stderr
    done = command(place, "--rules", "git:main", "--resume", out)
    assert done.returncode == 2, done.stderr
    # Resumed without --rules, it keeps those that it was started with.
    loosen(place)
    done = command(place, "--resume", out)
    assert f"rules: git:{commit}" in done.stderr
    assert "does not count: configs/engines/cpu.yaml" in done.stderr
