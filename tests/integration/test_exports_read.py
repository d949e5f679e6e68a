"""What ``export`` writes is read by the other tool itself: inspect's reader, lm-eval's table."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers import replayed
from helpers.needed import absent

from smallscale_ci.records import Outcome
from smallscale_ci.run.run import read_run
from smallscale_ci.run.samples import OUTCOMES

PYTHON = Path(__file__).resolve().parents[2] / ".envs" / "interop" / "bin" / "python"
EPOCHS = 2

INSPECT = """
import json, sys
from inspect_ai.log import read_eval_log, read_eval_log_samples
log = read_eval_log(sys.argv[1])
streamed = list(read_eval_log_samples(sys.argv[1]))
header = read_eval_log(sys.argv[1], header_only=True)
print(json.dumps({
    "status": log.status, "task": log.eval.task, "model": log.eval.model,
    "epochs": log.eval.config.epochs, "max_tokens": log.eval.model_generate_config.max_tokens,
    "total": header.results.total_samples,
    "accuracy": header.results.scores[0].metrics["accuracy"].value,
    "samples": [[s.id, s.epoch, s.output.completion, s.output.usage.output_tokens,
                 s.output.stop_reason, next(iter(s.scores.values())).value] for s in log.samples],
    "streamed": len(streamed),
}))
"""

LM_EVAL = """
import json, sys
from lm_eval.utils import make_table
print(make_table(json.load(open(sys.argv[1]))))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("exported")
    replayed.make_configs(place, problems=20)
    return place, replayed.make_run(place, "src", epochs=EPOCHS)


def export(world, form: str, folder: Path) -> list[str]:
    place, run = world
    done = replayed.smallscale(place, "export", run, "--to", form, "-o", folder, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["written"]


def ask(script: str, path: str) -> str:
    if not PYTHON.exists():
        absent("inspect and lm-eval are not there: make interop-env")
    done = subprocess.run(
        [PYTHON, "-c", script, path], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_inspect_reads_what_is_exported_for_it(world, tmp_path):
    (path,) = export(world, "inspect", tmp_path)
    run = read_run(world[1])
    found = json.loads(ask(INSPECT, path))
    assert (found["status"], found["task"], found["epochs"]) == ("success", "sums", EPOCHS)
    assert (found["max_tokens"], found["total"]) == (64, len(run.samples))
    assert found["streamed"] == len(found["samples"]) == len(run.samples)
    assert found["accuracy"] == pytest.approx(run.summary.tasks[0].accuracy.value)
    held = run.samples
    right = OUTCOMES.index(Outcome.CORRECT)
    ours = sorted(
        (held.problem_ids[problem], int(index) + 1, int(tokens), bool(outcome == right))
        for problem, index, tokens, outcome in zip(
            held.problem, held.sample_index, held.tokens, held.outcome, strict=True
        )
    )
    theirs = sorted(
        (name, epoch, n, score == "C") for name, epoch, _, n, _, score in found["samples"]
    )
    assert theirs == ours
    assert {reason for *_, reason, _ in found["samples"]} == {"stop"}
    assert all("\\boxed{" in text for _, _, text, *_ in found["samples"])


def test_lm_eval_makes_its_table_of_what_is_exported_for_it(world, tmp_path):
    written = export(world, "lm-eval", tmp_path)
    (results,) = [path for path in written if Path(path).name.startswith("results_")]
    head, _, row = ask(LM_EVAL, results).strip().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)]
    shown = dict(zip(*cells, strict=True))
    accuracy = read_run(world[1]).summary.tasks[0].accuracy
    assert (shown["Tasks"], shown["n-shot"]) == ("sums", "0")
    assert float(shown["Value"]) == pytest.approx(accuracy.value, abs=5e-5)
    assert float(shown["Stderr"]) > 0
