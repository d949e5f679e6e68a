"""``pairs``, and ``candidate`` up to training, on stored answers."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.pairs import dataset
from smallscale_ci.pairs.record import PAIRS as LINES
from smallscale_ci.pairs.record import read as read_pairs
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder

HELD_OUT = """\
name: held-out
gate: tiny
sampling: {max_tokens: 64}
tasks:
  - {name: products, source: held-out.jsonl, judge: {name: math}}
"""
RECIPE = "name: tiny\nobjective: lcpo\ncutoff_len: 128\nbatch_size: 4\n"
PAIRS = ("pairs", "stored/src", "--eval-suite", "held-out")
CANDIDATE = (
    *("candidate", "stored/src", "--profile", "replay", "--recipe", "tiny", "--suite", "tiny"),
    *("--eval-suite", "held-out", "--samples", "6", "--until", "pairs"),
)


def setting(*values: str) -> tuple[str, ...]:
    """Values of the pair policy as options."""
    return tuple(word for value in values for word in ("--set", f"pairs.{value}"))


def ask(place: Path, name: str, *questions: str) -> None:
    """An evaluation suite of ``questions``."""
    suites = place / "configs" / "suites"
    (suites / f"{name}.yaml").write_text(HELD_OUT.replace("held-out", name))
    lines = [json.dumps({"question": question, "gold": "1"}) for question in questions]
    (suites / f"{name}.jsonl").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Configurations, a judged run of six answers to each problem, and one of a single length."""
    place = tmp_path_factory.mktemp("pairs")
    replayed.make_configs(place)
    ask(place, "held-out", "What is 7 times 8?", "What is 6 times 9?")
    ask(place, "leaky", "What is 7 times 8?", "what is 10+11")
    (place / "configs" / "train").mkdir()
    (place / "configs" / "train" / "tiny.yaml").write_text(RECIPE)
    replayed.make_run(place, "src", epochs=6, wrong=0.05)
    replayed.make_run(place, "same", epochs=6, wrong=0.0, longer=0.0)
    replayed.make_run(place, "poor", epochs=6, wrong=0.8)
    return place


def test_a_place_that_holds_no_folder_is_no_fault_of_the_disk(place):
    done = replayed.smallscale(place, *PAIRS, "--out", "/proc/x")
    assert done.returncode == 2, done.stderr
    assert "--out /proc/x: the folder cannot be created" in " ".join(done.stderr.split())


def test_pairs_of_lcpo_by_default(place, tmp_path):
    done = replayed.smallscale(place, *PAIRS, "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    counts = record["counts"]
    assert counts["pairs"] == counts["easy"] >= 16
    assert counts["easy"] + counts["medium"] + counts["hard"] == counts["problems"] == 60
    assert record["leakage"]["suites"] == ["held-out"]
    samples = {
        (row["problem_id"], row["sample_index"]): row
        for row in tables.rows(place / "stored" / "src" / "generations.parquet", tables.GENERATIONS)
    }
    rows = list(tables.rows(tmp_path / dataset.PARQUET, dataset.SCHEMA))
    assert len(rows) == counts["pairs"]
    for row in rows:
        of = [
            s["completion_tokens"] for (name, _), s in samples.items() if name == row["problem_id"]
        ]
        assert (row["chosen_tokens"], row["rejected_tokens"]) == (min(of), max(of))
        assert samples[row["problem_id"], row["chosen_index"]]["text"] == row["chosen"]
    assert "rejected" in (tmp_path / "lengths.html").read_text()
    assert "<svg" in (tmp_path / "lengths.html").read_text()


def test_pairs_name_the_template_variables_of_their_run(place, tmp_path):
    run = tmp_path / "low"
    shutil.copytree(place / "stored" / "src", run)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["template"] = {"reasoning_effort": "low"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    out = ("--json", "--out", tmp_path / "pairs")
    done = replayed.smallscale(place, "pairs", run, *PAIRS[2:], *out)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["template"] == {"reasoning_effort": "low"}


def test_the_same_run_gives_the_same_pairs(place, tmp_path):
    for name in ("a", "b"):
        done = replayed.smallscale(
            place, *PAIRS, "-q", "--out", tmp_path / name, "--set", "pairs.max_pairs=20"
        )
        assert done.returncode == 0, done.stderr
        assert "pairs from 60 problems" in done.stdout
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert read_pairs(tmp_path / "a").counts.pairs == 20


def test_a_limit_on_pairs_may_be_below_the_usual_least_number(place, tmp_path):
    done = replayed.smallscale(place, *PAIRS, *setting("max_pairs=5"), "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["pairs"] == 5
    asked = (*PAIRS, *setting("max_pairs=5", "min_pairs=9"), "--out", tmp_path / "other")
    done = replayed.smallscale(place, *asked)
    assert done.returncode == 2
    assert "max_pairs is below min_pairs" in done.stderr


def test_easy_may_begin_below_the_usual_medium(place, tmp_path):
    done = replayed.smallscale(
        place,
        "pairs",
        "stored/poor",
        *PAIRS[2:],
        *setting("easy_from=0.3", "min_pairs=1"),
        "--json",
        "--out",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["policy"]["medium_from"] == 0.3
    assert record["counts"]["easy"] > 0 == record["counts"]["medium"]


def test_right_against_wrong(place, tmp_path):
    policy = ("--pairs", "correct-vs-wrong", *setting("min_pairs=5"))
    done = replayed.smallscale(place, *PAIRS, *policy, "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["eligible"] > 5
    for row in tables.rows(tmp_path / dataset.PARQUET, dataset.SCHEMA):
        assert "-7" in row["rejected"]
        assert "-7" not in row["chosen"]


def test_a_training_problem_in_the_evaluation_is_refused_by_name(place, tmp_path):
    out = tmp_path / "pairs"
    leaky = ("pairs", "stored/src", "--eval-suite", "held-out", "--eval-suite", "leaky")
    done = replayed.smallscale(place, *leaky, "--out", out)
    assert done.returncode == 2
    assert "1 training problem is in the evaluation" in done.stderr
    assert "(“What is 10 + 11?”) is leaky/products/" in done.stderr
    assert "(“what is 10+11”)" in done.stderr
    assert not out.exists()
    dropped = replayed.smallscale(place, *leaky, "--out", out, *setting("leaks=drop"), "--json")
    assert dropped.returncode == 0, dropped.stderr
    counts = json.loads(dropped.stdout)["counts"]
    assert (counts["problems"], counts["dropped"]["in the evaluation"]) == (60, 1)
    assert "10 + 11" not in (out / LINES).read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("pairs", "stored/poor"), 2, "0 pairs from 0 easy problems are fewer than the 16"),
        (("pairs", "stored/same"), 2, "have the same length"),
        ((*PAIRS, "--cutoff-len", "45"), 2, "are longer than 45 tokens"),
        ((*PAIRS, *setting("max_ratio=1.1")), 2, "outside the limits on length"),
        ((*PAIRS, *setting("medium_from=0.9", "easy_from=0.5")), 2, "medium_from is above"),
        ((*PAIRS, *setting("max_pairz=5")), 2, "unknown key (did you mean 'max_pairs'?)"),
        ((*PAIRS, "--set", "gate.max_epochs=5"), 2, "KEY begins with pairs"),
        ((*PAIRS, "--pairs", "lcpo-smok"), 2, "did you mean 'lcpo-smoke'"),
        (("pairs", "stored/src", "--eval-suite", "held-in"), 2, "did you mean 'held-out'"),
        (("pairs", "stored/nowhere"), 2, "is not a run folder"),
    ],
)
def test_what_stands_against_pairs_is_said(place, tmp_path, arguments, code, told):
    suite = () if "--eval-suite" in arguments else ("--eval-suite", "held-out")
    done = replayed.smallscale(place, *arguments, *suite, "--out", tmp_path / "out")
    assert done.returncode == code, done.stdout
    assert told in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_not_complete_or_not_judged_is_refused(place, tmp_path):
    run = RunFolder(shutil.copytree(place / "stored" / "src", tmp_path / "run"))
    replayed.alter(run.path, status="interrupted")
    more = ("--eval-suite", "held-out")
    done = replayed.smallscale(place, "pairs", run.path, *more)
    assert done.returncode == 4
    assert f"smallscale generate --resume {run.path}" in done.stderr
    replayed.alter(run.path, status="complete")
    run.judgements.unlink()
    done = replayed.smallscale(place, "pairs", run.path, *more)
    assert done.returncode == 4
    assert f"smallscale judge {run.path}" in done.stderr


# -- candidate, up to training --------------------------------------------------------------------


@pytest.fixture(scope="module")
def started(place) -> Path:
    """A candidate whose pairs are made."""
    done = replayed.smallscale(place, *CANDIDATE, "--out", "made", "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["steps"]) == {"sample", "pairs"}
    return place / "made"


def test_a_candidate_samples_judges_and_pairs(started):
    record = json.loads((started / "candidate.json").read_text())
    assert record["steps"]["pairs"]["made_from"] == {"sample": record["steps"]["sample"]["made"]}
    assert record["parent"]["name"] == "m"
    assert RunFolder(started / "sample").read_manifest().status == "complete"
    assert read_pairs(started / "pairs").counts.pairs >= 16
    assert not (started / "train").exists()


def test_what_is_complete_is_not_done_again(place, started):
    before = {path: path.read_bytes() for path in started.rglob("*") if path.is_file()}
    for again in (
        (*CANDIDATE, "--out", "made"),
        ("candidate", "--resume", "made", *CANDIDATE[-2:]),
    ):
        done = replayed.smallscale(place, *again)
        assert done.returncode == 0, done.stderr
        assert "pairs: complete, skipped" in done.stderr
    assert {path: path.read_bytes() for path in started.rglob("*") if path.is_file()} == before


def test_a_killed_candidate_goes_on_where_it_was(place, tmp_path, started):
    out = tmp_path / "killed"
    slow = [word if word != "replay" else "slow" for word in CANDIDATE]
    host = replayed.start(place, *slow, "--out", out)
    replayed.wait_for(lambda: replayed.lines_out(out / "sample") >= 8, "completions")
    host.kill()
    host.communicate()
    done = replayed.smallscale(place, "candidate", "--resume", out, "--until", "pairs")
    assert done.returncode == 0, done.stderr
    assert replayed.answers(out / "sample") == replayed.answers(started / "sample")
    assert (out / "pairs" / LINES).read_bytes() == (started / "pairs" / LINES).read_bytes()


def test_an_interrupted_candidate_says_how_to_go_on(place, tmp_path):
    out = tmp_path / "interrupted"
    slow = [word if word != "replay" else "slow" for word in CANDIDATE]
    host = replayed.start(place, *slow, "--out", out)
    replayed.wait_for(lambda: replayed.lines_out(out / "sample") >= 8, "completions")
    host.send_signal(signal.SIGINT)
    _, told = host.communicate(timeout=240)
    assert host.returncode == 130, told
    assert "Step 'sample' was ended: Interrupted with" in told
    assert f"smallscale candidate --resume {out}" in told
    assert "Traceback" not in told


def test_stored_answers_may_take_the_place_of_sampling(place, tmp_path, started):
    stored = (*CANDIDATE, "--sample", "stored/src", "--out", tmp_path / "out")
    done = replayed.smallscale(place, *stored)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out" / "sample").exists()
    assert (tmp_path / "out" / "pairs" / LINES).read_bytes() == (
        started / "pairs" / LINES
    ).read_bytes()


def test_another_request_does_not_go_on_in_the_same_folder(place, started):
    done = replayed.smallscale(place, *CANDIDATE, "--out", "made", "--samples", "5")
    assert done.returncode == 2
    assert "started with another samples" in done.stderr
    assert f"--sample {Path('made', 'sample')}" in done.stderr  # what was paid for is not lost


def test_long_rejected_answers_do_not_stop_what_is_not_trained_on_them(place, tmp_path):
    """With prompt and end of turn the chosen answers have 36 tokens at most, the rejected 51."""
    recipe = tmp_path / "short.yaml"
    for objective, code in (("lcpo", 2), ("sft", 0)):
        recipe.write_text(f"name: short\nobjective: {objective}\ncutoff_len: 40\nmax_cut: 0\n")
        out = tmp_path / objective
        done = replayed.smallscale(place, *CANDIDATE, "--recipe", recipe, "--out", out)
        assert done.returncode == code, done.stderr


def test_a_recipe_that_changed_is_noticed(place, started):
    recipe = place / "configs" / "train" / "tiny.yaml"
    try:
        recipe.write_text(RECIPE.replace("batch_size: 4", "batch_size: 8"))
        done = replayed.smallscale(place, "candidate", "--resume", started, "--until", "pairs")
    finally:
        recipe.write_text(RECIPE)
    assert done.returncode == 4
    assert "The recipe changed since" in done.stderr


def test_results_that_changed_are_noticed(place, tmp_path, started):
    out = shutil.copytree(started, tmp_path / "made")
    record = json.loads((out / "pairs" / "pairs.json").read_text())
    (out / "pairs" / "pairs.json").write_text(json.dumps({**record, "run_id": "other"}))
    done = replayed.smallscale(place, "candidate", "--resume", out, "--until", "pairs")
    assert done.returncode == 4
    assert "step 'pairs'" in done.stderr


def test_ranks_that_cannot_share_a_batch_are_told_before_anything_is_sampled(place, tmp_path):
    done = replayed.smallscale(place, *CANDIDATE, "--train-ranks", "3", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "cannot be split over 3 ranks" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_training_environment_is_told_before_anything_is_sampled(place, tmp_path):
    out, python = tmp_path / "out", tmp_path / "python"
    done = replayed.smallscale(place, *CANDIDATE[:-2], "--train-python", python, "--out", out)
    assert done.returncode == 3
    assert f"The training environment's Python {python} does not exist" in done.stderr
    assert "engine install train-cpu" in done.stderr
    assert not out.exists()


def test_too_few_answers_for_any_pair_are_told_before_anything_is_sampled(place, tmp_path):
    done = replayed.smallscale(place, *CANDIDATE, "--samples", "3", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "--samples" in done.stderr
    assert "equal to 4" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_leak_is_told_before_anything_is_sampled(place, tmp_path):
    leaky = [word if word != "held-out" else "leaky" for word in CANDIDATE]
    done = replayed.smallscale(place, *leaky, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "“What is 10 + 11?”" in done.stderr
    assert not (tmp_path / "out").exists()
