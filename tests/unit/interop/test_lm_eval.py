import json
import shutil

import pytest
from helpers.foreign import DATA, judged, outcomes, own_scores, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop import lm_eval, readers
from smallscale_ci.interop.gather import gather
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.judges.interface import JudgeSpec

MCQ = JudgeSpec("mcq")
REAL = DATA / "lm-eval-0.4.13"


def logged(doc_id, target, responses, *, kind="strict-match", arguments=None, **doc):
    """A line as lm-eval logs it: the same document again for every filter."""
    prompt = f"Question: {doc.get('question', '?')}\nAnswer:"
    settings = {"until": ["Question:"], "do_sample": False}
    return {
        "doc_id": doc_id,
        "doc": {"question": "?", **doc},
        "target": target,
        "arguments": arguments or {"gen_args_0": {"arg_0": prompt, "arg_1": settings}},
        "resps": [responses],
        "filtered_resps": ["[invalid]"],
        "filter": kind,
        "metrics": ["exact_match"],
        "doc_hash": f"{doc_id}".ljust(64, "0"),
        "prompt_hash": "b", "target_hash": "c", "exact_match": 0.0,
    }  # fmt: skip


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lm_eval_s_samples_are_judged_once_whatever_the_filters(tmp_path):
    solution = "She sold 48/2 = <<48/2=24>>24 clips in May.\nTogether 72.\n#### 72"
    rows = [
        logged(0, solution, ["48 + 24 = 72\n#### 72"], question="How many clips?"),
        logged(1, r"We get $\boxed{\frac{1}{2}}$.", [r"\boxed{0.5}", "I pass"]),
        logged(2, "18", ["The answer is 17."]),
    ]
    again = [{**row, "filter": "flexible-extract"} for row in rows]
    source = jsonl(tmp_path / "samples_gsm8k_2026-01-31T00-00-00.jsonl", *rows, *again)
    counts, out = judged(source, tmp_path / "out.parquet")
    assert counts == {"CORRECT": 2, "UNPARSED": 1, "WRONG": 1}
    assert [(row["id"], row["sample_index"], row["outcome"]) for row in out] == [
        ("0", 0, "CORRECT"), ("1", 0, "CORRECT"), ("1", 1, "UNPARSED"), ("2", 0, "WRONG"),
    ]  # fmt: skip
    assert [row["ground_truth"] for row in out] == ["72", r"\frac{1}{2}", r"\frac{1}{2}", "18"]
    assert read(source)[1][0].question == "Question: How many clips?\nAnswer:"


def test_older_arguments_and_options_in_the_prompt_are_understood(tmp_path):
    prompt = "Which is red?\nA. grass\nB. blood\nAnswer:"
    rows = [
        logged(0, "B", ["The answer is (B)."], arguments=[[prompt, {"until": []}]]),
        logged(1, "B", ["The answer is blood."], arguments=[[prompt, {"until": []}]]),
        logged(2, "(B)", ["The answer is A."], arguments=[[prompt, {"until": []}]]),
        logged(3, "B", ["B"], arguments=[], question=prompt),
    ]
    spec = JudgeSpec("mcq", ("stated", "letter"))
    counts, _ = judged(jsonl(tmp_path / "s.jsonl", *rows), tmp_path / "out.parquet", spec)
    assert counts == {"CORRECT": 3, "WRONG": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]\n", "line 1 is not a JSON object"),
        ('{"doc_id": 0\n', "line 1 is not JSON"),
        ('{"a": 1}\n', "line 1 is not a sample of lm-eval"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_not_a_sample_of_lm_eval_is_reported(tmp_path, text, message):
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(DataError, match=message):
        list(lm_eval.read(tmp_path / "s.jsonl", Wanted()).samples)


def test_bytes_that_are_not_text_are_reported(tmp_path):
    (tmp_path / "s.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="line 1 is not JSON"):
        list(lm_eval.read(tmp_path / "s.jsonl", Wanted()).samples)


@pytest.mark.parametrize("resps", [[[[-3.2, False]], [[-1.0, True]]], []])
def test_a_task_of_log_likelihoods_has_nothing_to_judge(tmp_path, resps):
    path = jsonl(tmp_path / "s.jsonl", {**logged(0, "1", ["x"]), "resps": resps})
    with pytest.raises(DataError, match="no generated text"):
        judged(path, tmp_path / "out.parquet")


# -- real files -----------------------------------------------------------------------------------


def test_real_files_have_the_counts_and_the_scores_of_lm_eval():
    log, samples = read(REAL)
    assert (log.facts.version, log.facts.model) == ("0.4.13", "adder")
    scored = [sample for sample in samples if sample.outcome is not None]
    assert len(scored) == 16
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    assert log.facts.scores == {"options": 0.625, "sums": 0.625}
    assert log.facts.judges["sums"] == "lm-eval exact_match,strict-match"
    assert len({(sample.task, sample.problem) for sample in samples}) == 16
    # Each document of sums was asked twice and scored once.
    assert sum(sample.task == "sums" for sample in samples) == 16
    assert outcomes(samples)["none"] == 8
    assert log.facts.settings["sampling.temperature"] == 0.0
    assert log.facts.settings["sampling.max_tokens"] == 64


def test_another_filter_may_decide():
    log, samples = read(next(REAL.glob("samples_sums*")), filter="flexible-extract")
    assert log.facts.judges["sums"] == "lm-eval exact_match,flexible-extract"
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    with pytest.raises(DataError, match="no filter 'loose'"):
        read(next(REAL.glob("samples_sums*")), filter="loose")


def test_log_likelihoods_are_compared_by_the_tool_s_own_score():
    log, samples = read(DATA / "lm-eval-0.4.13-likely")
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    assert log.facts.judges == {"likely": "lm-eval acc,none"}
    assert {sample.text for sample in samples} == {None}


def test_a_file_that_lost_lines_is_not_the_one_that_its_results_name(tmp_path):
    folder = shutil.copytree(REAL, tmp_path / "run")
    path = next(folder.glob("samples_sums*"))
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="lines are missing, added or changed"):
        read(folder)


def test_two_runs_of_a_task_in_one_folder_are_refused(tmp_path):
    folder = shutil.copytree(REAL, tmp_path / "run")
    path = next(folder.glob("samples_sums*"))
    shutil.copy(path, folder / "samples_sums_2026-11-29T00-00-00.000000.jsonl")
    with pytest.raises(DataError, match="two runs of the task 'sums'"):
        read(folder)


def test_two_tasks_in_one_file_are_both_read(tmp_path):
    tasks = [next(REAL.glob(f"samples_{task}*")) for task in ("sums", "options")]
    both = tmp_path / "both.jsonl"
    both.write_text("".join(path.read_text() for path in tasks))
    _, samples = read(both)
    assert len({sample.problem for sample in samples}) == 16
    assert sum(sample.outcome is not None for sample in samples) == 16


def test_the_same_run_twice_in_one_file_is_refused(tmp_path):
    path = next(REAL.glob("samples_options*"))
    twice = tmp_path / "twice.jsonl"
    twice.write_text(path.read_text() * 2)
    with pytest.raises(DataError, match="line 9: document 0 is there twice"):
        read(twice)


def test_a_document_that_the_data_hold_twice_is_one_problem_of_two_epochs(tmp_path):
    rows = [logged(0, "7", ["a"]), {**logged(1, "7", ["b"]), "doc_hash": "0" * 64}]
    _, samples = read(jsonl(tmp_path / "s.jsonl", *rows))
    assert [sample.problem for sample in samples] == ["0" * 16] * 2
    _, out = judged(tmp_path / "s.jsonl", tmp_path / "out.parquet")
    assert [(row["problem_id"], row["sample_index"]) for row in out] == [
        ("0" * 16, 0),
        ("0" * 16, 1),
    ]


def test_files_of_older_versions_have_no_hashes(tmp_path):
    lines = next(REAL.glob("samples_options*")).read_text().splitlines()
    rows = [
        {k: v for k, v in row.items() if not k.endswith("_hash") and k != "filter"}
        for row in map(json.loads, lines)
    ]
    path = jsonl(tmp_path / "samples_options_2024-01-01T00-00-00.000000.jsonl", *rows)
    _, samples = read(path)
    assert [s.problem for s in samples] == [s.problem for s in read(REAL)[1] if s.task == "options"]


def test_a_score_between_right_and_wrong_is_refused(tmp_path):
    row = {**logged(0, "1", ["x"]), "metrics": ["f1"], "f1": 0.4}
    with pytest.raises(DataError, match=r"'f1' is 0\.4, neither right"):
        read(jsonl(tmp_path / "s.jsonl", row))


def test_options_are_found_in_a_prompt_that_is_a_chat_as_text(tmp_path):
    spec = JudgeSpec("mcq", ("stated", "letter"))
    options = next(REAL.glob("samples_options*"))
    counts, _ = judged(options, tmp_path / "out.parquet", spec)
    assert counts["CORRECT"] == 5


def test_options_in_a_prompt_that_is_logged_as_json(tmp_path):
    out = tmp_path / "out.parquet"
    asked = [{"role": "user", "content": "2+2?\nA. 3\nB. 4\nThink."}]
    arguments = {"gen_args_0": {"arg_0": [json.dumps(asked)], "arg_1": {}}}
    row = logged(0, "B", ["The answer is 4."], arguments=arguments, choices=["4", "3"])
    assert judged(jsonl(tmp_path / "s.jsonl", row), out, MCQ)[0] == {"CORRECT": 1}
    row = logged(0, "B", ["The answer is 4."], choices=["3", "4"])
    assert judged(jsonl(tmp_path / "s.jsonl", row), out, MCQ)[0] == {"CORRECT": 1}
    row = logged(0, "['4', 'four']", ["The answer is 4."])
    assert judged(jsonl(tmp_path / "s.jsonl", row), out)[0] == {"CORRECT": 1}


def test_tasks_of_the_same_documents_in_one_file_are_refused(tmp_path):
    """None of them is dropped without a word."""
    rows = [logged(n, str(n), [str(n)], kind="strict", n=n) for n in range(3)]
    again = [logged(n, str(n), [str(n)], kind="flexible", n=n) for n in range(3)]
    for row in (*rows, *again):
        row |= {"prompt_hash": "p", "target_hash": f"t{row['doc_id']}"}
    _, samples = read(jsonl(tmp_path / "one.jsonl", *rows, *again))
    assert len(samples) == 3
    with pytest.raises(DataError, match="twice with the filter 'flexible'"):
        read(jsonl(tmp_path / "both.jsonl", *rows, *again, *again))
    other = [{**row, "target_hash": "u", "filter": "none"} for row in rows]
    with pytest.raises(DataError, match="stands for two questions"):
        gather(readers.read(jsonl(tmp_path / "two.jsonl", *rows, *other)))


@pytest.mark.parametrize("name", ["samples.json", "samples.jsonl"])
def test_samples_in_one_json_array_are_read(tmp_path, name):
    rows = [logged(n, str(n), [str(n)], n=n) for n in range(3)]
    path = tmp_path / name
    path.write_text(json.dumps(rows))
    log, samples = read(path)
    assert (log.facts.tool, len(samples)) == ("lm-eval", 3)
