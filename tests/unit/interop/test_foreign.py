import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import replayed

from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop import foreign
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.pipeline import judge
from smallscale_ci.records import FinishReason

MATH = JudgeSpec("math", ("boxed", "stated"))


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def judged(source, spec=MATH):
    """Counts by outcome, and the rows of the judged file; the source is as it was."""
    before = source.read_bytes()
    target = source.with_name(f"{source.name}.out.parquet")
    counts, _ = judge.judge_foreign(source, target, spec, replayed.Nobody())
    assert source.read_bytes() == before
    return counts, pq.read_table(target).to_pylist()


# -- the old toolkit ------------------------------------------------------------------------------


def test_the_old_toolkit_s_files_are_judged(tmp_path):
    source = write(
        tmp_path / "old.parquet",
        problem=["1+1", "2+2", "3+3"],
        answer=["2", "5", "6"],
        model_output=[r"so \boxed{2}", r"\boxed{4}", "no idea"],
        extra=[1, 2, 3],
    )
    counts, rows = judged(source)
    assert counts == {"CORRECT": 1, "WRONG": 1, "UNPARSED": 1}
    assert [row["outcome"] for row in rows] == ["CORRECT", "WRONG", "UNPARSED"]
    assert [row["extra"] for row in rows] == [1, 2, 3]
    assert rows[0]["judge"] == judge_version("math")
    # A judged file can be judged again.
    assert judged(source.with_name("old.parquet.out.parquet"))[1] == rows


def test_ground_truth_goes_before_answer_and_numbers_are_text(tmp_path):
    path = write(tmp_path / "f.parquet", ground_truth=[7], answer=[8], model_output=["x"])
    assert foreign.read(path) == [foreign.Sample("1", 0, "", ("7",), "x")]


def test_each_of_several_outputs_is_a_sample_and_none_is_empty(tmp_path):
    path = write(
        tmp_path / "f.parquet",
        answer=["1", "2", "3"],
        model_output=pa.array([["\\boxed{1}", "b"], [], None], pa.list_(pa.string())),
    )
    found = [(sample.id, sample.index, sample.text) for sample in foreign.read(path)]
    assert found == [("1", 0, "\\boxed{1}"), ("1", 1, "b"), ("2", 0, ""), ("3", 0, "")]
    _, rows = judged(path)
    kept = [(row["answer"], row["sample_index"], row["model_output"]) for row in rows]
    assert kept == [("1", 0, "\\boxed{1}"), ("1", 1, "b"), ("2", 0, ""), ("3", 0, "")]
    assert [row["outcome"] for row in rows] == ["CORRECT", "UNPARSED", "UNPARSED", "UNPARSED"]


@pytest.mark.parametrize("columns", [{"answer": ["1"]}, {"model_output": ["x"], "gold": ["1"]}])
def test_missing_columns_are_named(tmp_path, columns):
    with pytest.raises(DataError, match="no columns to judge by") as caught:
        foreign.read(write(tmp_path / "f.parquet", **columns))
    assert "model_output" in caught.value.hint


def test_an_empty_gold_names_its_row(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1", None], model_output=["x", "y"])
    with pytest.raises(DataError, match="row 2: 'answer' is empty"):
        foreign.read(path)


def test_what_is_no_parquet_is_told(tmp_path):
    (tmp_path / "f.parquet").write_text("{}")
    with pytest.raises(DataError, match="damaged or no parquet"):
        foreign.read(tmp_path / "f.parquet")


def test_the_original_is_never_overwritten(tmp_path):
    path = write(tmp_path / "f.parquet", answer=["1"], model_output=["1"])
    with pytest.raises(UsageError, match="is the original"):
        foreign.refuse_target(path, tmp_path / "." / "f.parquet")
    with pytest.raises(UsageError, match="no folder"):
        foreign.refuse_target(path, tmp_path / "x" / "f.parquet")


# -- lm-eval --------------------------------------------------------------------------------------


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
        "doc_hash": "a", "prompt_hash": "b", "target_hash": "c", "exact_match": 0.0,
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
    counts, out = judged(source)
    assert counts == {"CORRECT": 2, "UNPARSED": 1, "WRONG": 1}
    assert [(row["id"], row["sample_index"], row["outcome"]) for row in out] == [
        ("0", 0, "CORRECT"), ("1", 0, "CORRECT"), ("1", 1, "UNPARSED"), ("2", 0, "WRONG"),
    ]  # fmt: skip
    assert [row["ground_truth"] for row in out] == ["72", r"\frac{1}{2}", r"\frac{1}{2}", "18"]
    assert foreign.read(source)[0].question == "Question: How many clips?\nAnswer:"


def test_older_arguments_and_options_in_the_prompt_are_understood(tmp_path):
    prompt = "Which is red?\nA. grass\nB. blood\nAnswer:"
    rows = [
        logged(0, "B", ["The answer is (B)."], arguments=[[prompt, {"until": []}]]),
        logged(1, "B", ["The answer is blood."], arguments=[[prompt, {"until": []}]]),
        logged(2, "(B)", ["The answer is A."], arguments=[[prompt, {"until": []}]]),
        logged(3, "B", ["B"], arguments=[], question=prompt),
    ]
    spec = JudgeSpec("mcq", ("stated", "letter"))
    counts, _ = judged(jsonl(tmp_path / "s.jsonl", *rows), spec)
    assert counts == {"CORRECT": 3, "WRONG": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no generations"),
        ("[1]\n", "line 1 is no JSON object"),
        ('{"doc_id": 0\n', "line 1 is no JSON"),
        ('{"a": 1}\n', "line 1 is no sample of lm-eval"),
        ('{"doc_id": 0, "target": 1, "resps": [[[-3.2, false]], [[-1.0, true]]]}', "likelihoods"),
        ('{"doc_id": 0, "target": 1, "resps": []}', "no generated text"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_sample_of_lm_eval_is_told(tmp_path, text, message):
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(DataError, match=message):
        foreign.read(tmp_path / "s.jsonl")


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "s.jsonl").write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="cannot be read"):
        foreign.read(tmp_path / "s.jsonl")


# -- inspect --------------------------------------------------------------------------------------


def sample(name, target, content, *, epoch=1, stop="stop", **more):
    message = {"role": "assistant", "content": content, "source": "generate", "model": "m"}
    return {
        "id": name,
        "epoch": epoch,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}],
        "target": target,
        "messages": [message],
        "output": {"model": "m", "choices": [{"message": message, "stop_reason": stop}]},
        "scores": {"match": {"value": "I", "answer": "", "explanation": ""}},
        **more,
    }


def inspect_log(path, *samples):
    log = {"version": 2, "status": "success", "eval": {"task": "sums"}, "samples": list(samples)}
    path.write_text(json.dumps(log))
    return path


def test_inspect_s_samples_are_judged(tmp_path):
    thought = [
        {"type": "reasoning", "reasoning": r"maybe \boxed{9}"},
        {"type": "text", "text": "attachment://3f"},
    ]
    source = inspect_log(
        tmp_path / "2026-01-31_sums.json",
        sample("a", "2", r"\boxed{2}"),
        sample("a", "2", "so 2, no, 3", epoch=2, stop="max_tokens"),
        sample(7, ["two", "2"], thought, attachments={"3f": r"So \boxed{2}."}),
        sample("b", "2", "", error={"message": "the sandbox broke", "traceback": ""}),
        sample("c", ["3", "4"], r"\boxed{5}", input="2+2?"),
    )
    counts, rows = judged(source)
    assert [(row["id"], row["sample_index"], row["outcome"]) for row in rows] == [
        ("a", 0, "CORRECT"), ("a", 1, "TRUNCATED"), ("7", 0, "CORRECT"), ("b", 0, "ERRORED"),
        ("c", 0, "WRONG"),
    ]  # fmt: skip
    assert sum(counts.values()) == 5
    assert rows[3]["reason"] == "the sandbox broke"
    assert rows[2]["ground_truth"] == "two | 2"
    samples = foreign.read(source)
    assert [found.question for found in samples[-2:]] == ["1+1?", "2+2?"]
    assert samples[1].finish is FinishReason.LENGTH


def test_inspect_s_choices_are_options(tmp_path):
    asked = {"choices": ["grass", "blood"]}
    source = inspect_log(
        tmp_path / "log.json",
        sample("a", "B", "ANSWER: B", **asked),
        sample("b", "B", "ANSWER: grass", **asked),
    )
    assert judged(source, JudgeSpec("mcq"))[0] == {"CORRECT": 1, "WRONG": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no log of inspect with samples"),
        ('{"samples": []}', "holds no generations"),
        ('{"samples": [{"id": 1}]}', "sample 1 has no target or no output"),
        ('{"samples": [3]}', "sample 1 has no target"),
        ('{"samples": [{"target": 1, "output": []}]}', "sample 1 has no target"),
        ('{"samples": [{"target": 1, "output": {"choices": {}}}, 2]}', "sample 2"),
        ('{"samples": [{"target": 1, "output": {"choices": [1]}}]}', "sample 1"),
        ("[]", "no JSON object"),
    ],
)
def test_what_is_no_log_of_inspect_is_told(tmp_path, text, message):
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(DataError, match=message):
        foreign.read(tmp_path / "log.json")


def test_a_packed_log_says_how_to_unpack_it(tmp_path):
    with pytest.raises(DataError) as caught:
        foreign.read(tmp_path / "log.eval")
    assert "inspect log convert" in caught.value.hint


# -- golds and columns ----------------------------------------------------------------------------


MCQ = JudgeSpec("mcq")
OPTIONS = [["cold", "warm"], ["3", "4"], ["Bonn", "Paris"]]


@pytest.mark.parametrize(
    "answer",
    [
        [0, 1, 1],
        ["A", "B", "B"],
        ["cold", "4", "Paris"],
        pa.array(["A", "B", "B"]).dictionary_encode(),
        pa.array([b"A", b"B", b"B"]),
        pa.array([["A"], ["B"], ["Paris", "Lutetia"]]),
        pa.array([0, 1, 1], pa.decimal128(4, 1)),
        pa.array(["A", "B", "B"], pa.string_view()),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["0", '"B"', "1"])),
    ],
)
@pytest.mark.parametrize("name", ["choices", "options"])
def test_golds_of_multiple_choice(tmp_path, answer, name):
    outputs = [r"\boxed{A}", r"\boxed{B}", "The answer is Paris."]
    columns = {"answer": answer, name: OPTIONS, "model_output": outputs}
    counts, _ = judged(write(tmp_path / "f.parquet", **columns), MCQ)
    assert counts == {"CORRECT": 3}


def test_positions_without_a_base_are_refused_by_their_row(tmp_path):
    options = [["x", "y", "z"]] * 2
    path = write(tmp_path / "f.parquet", answer=[1, 2], choices=options, model_output=["a", "b"])
    with pytest.raises(DataError, match=r"row 1 has the gold '1'.*count from 0 or from 1"):
        foreign.read(path)


def test_columns_that_cannot_be_judged_are_refused_by_name(tmp_path):
    path = write(tmp_path / "f.parquet", answer=[{"a": 1}], model_output=["x"])
    with pytest.raises(DataError, match="row 1 has a gold that is no text"):
        foreign.read(path)
    path = write(tmp_path / "f.parquet", answer=["1"], model_output=[3.5])
    with pytest.raises(DataError, match=r"row 1 holds 3\.5, which is no text"):
        foreign.read(path)


def test_outputs_that_are_chats(tmp_path):
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": r"\boxed{3}"}]
    path = write(tmp_path / "f.parquet", answer=["3"], model_output=[chat])
    assert judged(path)[0] == {"CORRECT": 1}


def test_options_in_a_prompt_that_is_logged_as_json(tmp_path):
    asked = [{"role": "user", "content": "2+2?\nA. 3\nB. 4\nThink."}]
    arguments = {"gen_args_0": {"arg_0": [json.dumps(asked)], "arg_1": {}}}
    row = logged(0, "B", ["The answer is 4."], arguments=arguments, choices=["4", "3"])
    assert judged(jsonl(tmp_path / "s.jsonl", row), MCQ)[0] == {"CORRECT": 1}
    row = logged(0, "B", ["The answer is 4."], choices=["3", "4"])
    assert judged(jsonl(tmp_path / "s.jsonl", row), MCQ)[0] == {"CORRECT": 1}
    row = logged(0, "['4', 'four']", ["The answer is 4."])
    assert judged(jsonl(tmp_path / "s.jsonl", row))[0] == {"CORRECT": 1}
