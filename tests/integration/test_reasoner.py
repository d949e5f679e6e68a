"""benchmarks/reasoner in miniature: the lesson is learned, and its grid can be trained and judged.

The real loop from a grid to its verdict is in test_grid.py, test_grid_training.py and
test_candidate.py; here it is shown that the script's suites, policy and grid fit together.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import training

pytestmark = pytest.mark.engine  # it uses the training environment
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the steps `make` and `sft` leave, with a model of two layers."""
    training.need_environments()
    out = tmp_path_factory.mktemp("reasoner")
    script = ROOT / "benchmarks" / "reasoner" / "reasoner.py"
    command = [sys.executable, str(script), "make", "sft", "--rehearse", "--out", str(out)]
    command += ["--model", str(training.tiny_model()), "--vllm-python", str(training.ENGINE_PYTHON)]
    command += ["--train-python", str(training.TRAIN_PYTHON)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_parent_learns_the_worked_solutions(out: Path):
    trained = json.loads((out / "sft/train.json").read_text())
    assert trained["status"] == "complete"
    assert trained["steps"]["done"] > 0
    assert trained["loss"]["last"] < trained["loss"]["first"]
    assert list((out / "sft/model").glob("*.safetensors"))


def test_its_grid_is_judged_on_problems_that_nobody_was_chosen_by(out: Path):
    made = out / "made"
    command = ["candidate", str(out / "sft/model"), "--recipe", str(made / "rates.yaml")]
    command += ["--suite", str(made / "train.yaml"), "--eval-suite", str(made / "held-out.yaml")]
    command += ["--fresh-suite", str(made / "gated.yaml"), "--gate", str(made / "pruned.yaml")]
    command += ["--dry-run", "--json", "--train-ranks", "1"]
    done = training.run(out, *command)
    assert done.returncode == 0, done.stderr
    planned = json.loads(done.stdout)
    names = {one["member"] for one in planned["members"]}
    assert {"lcpo-5e-05-s42", "sft-shortest-5e-05-s42"} <= names
    assert "gated, other problems" in planned["fresh"]
    assert "policy pruned" in planned["fresh"]
