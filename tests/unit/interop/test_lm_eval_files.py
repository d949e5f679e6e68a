"""The files that lm-eval writes: of any version, and what is missing among them."""

import json

import pytest
from helpers.foreign import DATA, outcomes, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop import lm_eval_files, readers


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def old_row(number, score, **more):
    text = f"The answer is {number}"
    return {
        "doc_id": number,
        "doc": {"question": f"{number}?"},
        "target": str(number),
        "arguments": [[f"{number}?", {"until": ["\n"]}]],
        "resps": [[text]],
        "filtered_resps": [str(number)],
        "exact_match": score,
        **more,
    }


@pytest.fixture
def old_run(tmp_path):
    """As 0.4.2 writes it: an array that is called .jsonl, filter after filter, without names."""
    rows = [old_row(n, 1.0) for n in range(4)] + [old_row(n, float(n > 0)) for n in range(4)]
    (tmp_path / "pretrained__org__m_gsm8k.jsonl").write_text(json.dumps(rows, indent=2))
    results = {
        "results": {"gsm8k": {"exact_match,strict": 1.0, "exact_match,flexible": 0.75}},
        "configs": {"gsm8k": {"filter_list": [{"name": "strict"}, {"name": "flexible"}]}},
        "config": {"model": "hf", "model_args": "pretrained=org/m,dtype=float16"},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def test_an_old_run_is_read_filter_by_filter(old_run):
    for wanted, right in (("", 4), ("strict", 4), ("flexible", 3)):
        log, samples = read(old_run, filter=wanted)
        assert (log.facts.model, len(samples)) == ("org/m", 4)
        assert {sample.task for sample in samples} == {"gsm8k"}
        assert outcomes(samples)["CORRECT"] == right
        assert log.facts.scores["gsm8k"] == right / 4


def test_an_old_file_alone_is_read_and_two_joined_runs_are_refused(tmp_path):
    path = tmp_path / "samples_gsm8k_2024-07-02T10-11-12.123456.jsonl"
    path.write_text(lines(old_row(n, 1.0) for _ in range(2) for n in range(4)))
    assert outcomes(read(path)[1]) == {"CORRECT": 4}
    other = [old_row(n, 1.0, resps=[["another run's text"]]) for n in range(4)]
    path.write_text(lines([*(old_row(n, 1.0) for n in range(4)), *other]))
    with pytest.raises(DataError, match="there twice"):
        read(path)


def test_old_log_likelihoods_have_their_scores(tmp_path):
    path = tmp_path / "samples_arc_2024-07-02T10-11-12.123456.jsonl"
    more = {"resps": [[[-1.0, False]]], "acc": 1.0, "acc_norm": 0.0}
    rows = [old_row(n, 0.0, **more) for n in range(4)]
    for row in rows:
        del row["exact_match"]
    path.write_text(lines(rows))
    assert outcomes(read(path)[1]) == {"CORRECT": 4}
    assert outcomes(read(path, metric="acc_norm")[1]) == {"WRONG": 4}


@pytest.mark.parametrize("whole", [True, False])
def test_scores_of_lm_eval_without_samples_are_no_use(tmp_path, whole):
    (results,) = (DATA / "lm-eval-0.4.13").glob("results_*.json")
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / results.name
    path.write_bytes(results.read_bytes())
    with pytest.raises(DataError, match="holds scores of lm-eval, and no samples") as error:
        readers.read(tmp_path if whole else path)
    assert "--log_samples" in error.value.hint


DATE = "2026-11-28T23-01-06.566868"


def named(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return folder


@pytest.mark.parametrize(
    ("name", "task", "date"),
    [
        (f"samples_gsm8k_{DATE}.jsonl", "gsm8k", DATE),
        (f"samples_mmlu_pro_math_{DATE}.jsonl", "mmlu_pro_math", DATE),  # tasks have underscores
        (f"samples_gsm8k_{DATE}.jsonl.gz", "gsm8k", DATE),
        ("samples_gsm8k.jsonl", "samples", ""),
        ("other.jsonl", "samples", ""),
    ],
)
def test_a_name_says_the_task_and_the_day(tmp_path, name, task, date):
    assert lm_eval_files.task_of(tmp_path / name) == task
    assert lm_eval_files.date_of(tmp_path / name) == date
    expected = f"results_{date}.json" if date else "results.json"
    assert lm_eval_files.results_name(tmp_path / name) == expected


def test_the_longest_task_of_the_results_is_that_of_an_old_name(tmp_path):
    """``math`` and ``hendrycks_math``: both end the name."""
    (tmp_path / "results.json").write_text(
        json.dumps({"results": {"math": {}, "hendrycks_math": {}}})
    )
    assert lm_eval_files.task_of(tmp_path / "org__m_hendrycks_math.jsonl") == "hendrycks_math"


def test_files_of_samples_are_found_below_the_output_folder(tmp_path):
    named(tmp_path, f"org__m/samples_a_{DATE}.jsonl", f"samples_b_{DATE}.jsonl", "org__m/x.jsonl")
    found = [lm_eval_files.task_of(file) for file in lm_eval_files.files_in(tmp_path)]
    assert sorted(found) == ["a", "b"]


def test_two_runs_in_one_folder_are_refused_with_both_names(tmp_path):
    other = DATE.replace("T23", "T22")
    named(tmp_path, f"samples_a_{DATE}.jsonl", f"samples_a_{other}.jsonl")
    with pytest.raises(DataError, match="two runs of the task 'a'") as caught:
        lm_eval_files.refuse_two_runs(lm_eval_files.files_in(tmp_path))
    assert all(date in caught.value.message for date in (DATE, other))
    assert "folder of its own" in caught.value.hint
