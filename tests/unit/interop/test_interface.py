"""The seam to other tools: what a sample is to the judges."""

from smallscale_ci.interop.interface import Sample
from smallscale_ci.records import FinishReason


def test_a_sample_is_a_problem_with_each_of_its_golds():
    sample = Sample("t", "7", question="q", golds=("1", "one"), choices=("1", "2"))
    problem = sample.as_problem("math", "7:0")
    assert (problem.id, problem.task, problem.question) == ("7:0", "math", "q")
    assert problem.golds == ("1", "one")
    assert problem.choices == ("1", "2")


def test_a_generation_of_a_tool_that_keeps_little():
    made = Sample("t", "7").as_generation("n")
    assert (made.text, made.completion_tokens, made.finish_reason) == ("", 0, FinishReason.STOP)
    assert made.problem_id == "n"


def test_a_text_that_begins_inside_thinking_is_judged_as_that():
    made = Sample("t", "7", text="so </think> 4", opened=True, error="late").as_generation("n")
    assert made.thinking
    assert made.error == "late"
