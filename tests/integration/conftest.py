"""Which integration tests run side by side, and what several need and is made once."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.needed import absent

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# Workers keep all cores busy: a second thread of an engine or a training would only wait, at every
# layer, and by default in a loop. A container does not see these.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLED = ROOT / "tests" / "data" / "smoke-train"
NEEDED = {"engine-vllm-cpu": "make engine", "train-cpu": "make train-env"}
HELD_OUT = """\
# Problems of smoke, asked as in smoke-train: answers are short and long.
name: held-out
gate: held-out
sampling: {temperature: 0.7, max_tokens: 96}
tasks:
  - {from: smoke-train/math, source: "package:smoke-math.parquet", limit: 24}
"""
RECIPE = """\
name: few-steps
objective: lcpo
learning_rate: 2e-5
schedule: constant
warmup: 0.0
steps: 2
batch_size: 2
micro_batch: 1
cutoff_len: 384
save_steps: 2
gradient_checkpointing: false
"""
GATE = "name: held-out\nmargins: {accuracy: 0.4, tokens: 0.5, truncation: 0.4}\nmax_epochs: 1\n"
# What takes minutes, the longest first, and what mostly waits: beside what computes, that costs
# nothing.
FIRST = (
    "test_main_job.py",
    "test_docker_image.py",
    "test_candidate.py",
    "test_training.py",
    "test_openai_worker.py",
    "test_publish.py",
    "test_llm_judge_unit.py",
    "test_scheduler.py",
    "test_several_runs.py",
    "test_scheduler_ranks.py",
    "test_vllm_versions.py",
    "test_rules.py",
    "test_openai_server.py",
    "test_tutorial.py",
    "test_grid_training.py",
    "test_reasoner.py",
    "test_replay_eval.py",
    "test_grid.py",
    "test_ray_runtime.py",
    "test_chaos.py",
    "test_remedies.py",
    "test_unstored.py",
    "test_several_suites.py",
    "test_suite_pull.py",
    "test_fuzz.py",
)
# They look at the containers of the whole machine.
CONTAINERS = (
    "docker",
    "test_docker_image.py",
    "test_podman.py",
    "test_podman_registry.py",
    "test_sandboxes.py",
    "test_smoke_code.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that all workers end together."""
    items.sort(key=lambda item: rank(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "LoadScopeScheduling":
    """File by file, but all containers one after another.

    xdist's own groups (`--dist loadgroup`) have no effect with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "containers" if looks_at_containers(ROOT / path) else path

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def looks_at_containers(path: Path) -> bool:
    """Whether tests of a file would see the containers of other tests."""
    return any(part in CONTAINERS for part in path.parts)


def rank(path: Path) -> tuple[int, bool]:
    """Where a test file stands in the order: at the end the unit tests, whose files are short."""
    others = len(FIRST) + (HERE not in path.parents)
    place = FIRST.index(path.name) if path.name in FIRST else others
    return place, not looks_at_containers(path)


@dataclass(frozen=True)
class Candidate:
    """A candidate that the command line made in ``folder``."""

    folder: Path
    arguments: tuple[str, ...]
    code: int
    printed: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line beside the candidate."""
        return smallscale(self.folder.parent, *arguments)


def smallscale(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in ``folder``."""
    command = [str(Path(sys.executable).with_name("smallscale")), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture(scope="session")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    """The default model trained for a few steps on its own answers, two ranks with ZeRO-3."""
    for name, how in NEEDED.items():
        if not (ROOT / ".envs" / name / "bin" / "python").exists():
            absent(f"there is no .envs/{name}: run `{how}`")
    place = tmp_path_factory.mktemp("candidate")
    for kind, name, text in (
        ("suites", "held-out", HELD_OUT),
        ("gates", "held-out", GATE),
        ("train", "few-steps", RECIPE),
    ):
        (place / "configs" / kind).mkdir(parents=True)
        (place / "configs" / kind / f"{name}.yaml").write_text(text)
    arguments = (
        *("candidate", "smollm2", "--recipe", "few-steps", "--sample", str(SAMPLED)),
        *("--suite", "smoke-train", "--eval-suite", "held-out", "--train-ranks", "2"),
        *("--pairs", "lcpo-smoke"),
        *("--set", "pairs.max_pairs=2"),  # all of them in each step: the loss must fall
    )
    done = smallscale(place, *arguments, "--out", str(place / "made"))
    assert "Traceback" not in done.stderr, done.stderr
    assert (place / "made" / "verdict").exists(), done.stderr
    return Candidate(place / "made", arguments, done.returncode, done.stdout + done.stderr)
