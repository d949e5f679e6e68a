"""Template variables: which win, which are refused, and that runs with others do not compare."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config import load
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import ConfigError, UsageError
from smallscale_ci.files import to_json
from smallscale_ci.pipeline import variables
from smallscale_ci.run import comparable
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.manifest import Engine, Manifest, Status, SuiteId
from smallscale_ci.suite.local import load_suite

MADE = Checkpoint("m", Path("/models/m"), "m", "a", "b", "c", "d")


def test_options_win_over_the_profile_and_the_profile_over_the_suite() -> None:
    found = variables.merged(
        {"a": 1, "b": 1, "c": 1, "d": 1}, {"b": 2, "c": 2, "d": None}, ["c=3", "e=low", "b=null"]
    )
    assert found == {"a": 1, "c": 3, "e": "low"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("x=false", False), ("x=3", 3), ("x=0.5", 0.5), ("x=low", "low"), ("x='3'", "3")],
)  # fmt: skip
def test_values_are_as_yaml_has_them(text: str, value: Any) -> None:
    found = variables.merged({}, {}, [text])
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("enable_thinking", "has no value"),
        ("=1", "has no value"),
        ("x=[1, 2]", "--template x: must be true, false, a number or a string, not a list."),
        ("x={a: 1}", "--template x: must be true, false, a number or a string, not a mapping."),
        ("x='false'", "treats every string as true"),
        ("two words=1", "\"two words\" may hold letters, digits and '_' only"),
        ("system=3", "default system message"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        variables.merged({}, {}, [text])


def test_a_variable_that_the_template_never_reads_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}{{ enable_thinking }}{{ date }}")
    model = replace(MADE, path=tmp_path)
    variables.refuse_unread({"enable_thinking": False, "system": "Be brief."}, model)
    with pytest.raises(UsageError, match="never reads the variable 'enable_thinkin'") as found:
        variables.refuse_unread({"enable_thinkin": False}, model)
    assert "did you mean 'enable_thinking'?" in found.value.message
    assert "It reads: date, enable_thinking." in found.value.hint
    with pytest.raises(UsageError, match="messages"):
        variables.refuse_unread({"messages": "x"}, model)
    (tmp_path / "chat_template.jinja").write_text("{% if %}")
    variables.refuse_unread({}, model)
    with pytest.raises(UsageError, match="is not a template"):
        variables.refuse_unread({"x": 1}, model)


SUITE = """
name: s
template: {{system: Be brief., {more}}}
tasks:
  - {{name: a, source: a.jsonl, judge: {{name: math}}}}
  - {{name: b, source: a.jsonl, judge: {{name: math}}, prompt: {{system: Be long.}}}}
"""


def test_the_default_system_message_is_for_tasks_without_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"question": "1+1?", "gold": "2"}))
    text = SUITE.format(more="reasoning_effort: low")
    config = load.parse(SuiteConfig, text, "s.yaml")
    suite = load_suite(config, tmp_path)
    assert [task.prompt.system for task in suite.tasks] == ["Be brief.", "Be long."]
    other = load_suite(config.model_copy(update={"template": {}}), tmp_path)
    assert other.hash != suite.hash


@pytest.mark.parametrize("more", ["x: [1]", "x: 'true'", "2x: 1", "system: 1"])
def test_a_suite_with_a_wrong_variable_is_told_by_line(more: str) -> None:
    with pytest.raises(ConfigError) as found:
        load.parse(SuiteConfig, SUITE.format(more=more), "s.yaml")
    assert "template" in found.value.problems[0] or "2x" in found.value.problems[0]


def test_an_endpoint_takes_no_argument_that_it_does_not_know() -> None:
    args = "{base_url: http://x, reasoning_effort: low}"
    text = f"name: e\nengine: openai\nengine_args: {args}\n"
    with pytest.raises(ConfigError) as found:
        load.parse(EngineProfile, text, "e.yaml")
    assert "reasoning_effort into template" in found.value.problems[0]


def manifest(template: dict[str, Any], **request: Any) -> Manifest:
    return Manifest(
        run_id="r", status=Status.COMPLETE, checkpoint=MADE, suite=SuiteId("s", "h"), profile="p",
        engine=Engine("openai", request=request), template=template,
    )  # fmt: skip


def test_runs_that_were_asked_otherwise_do_not_compare() -> None:
    before = manifest({"enable_thinking": True}, extra_body={"reasoning": {"effort": "low"}})
    after = manifest({"enable_thinking": False, "reasoning_effort": "low"})
    found = {d.key: (d.baseline, d.candidate) for d in comparable.differences(before, after, ())}
    assert found == {
        "engine.request.extra_body": ("{'reasoning': {'effort': 'low'}}", "not set"),
        "template.enable_thinking": ("True", "False"),
        "template.reasoning_effort": ("not set", "low"),
    }
    allowed = comparable.differences(before, after, ("template", "engine.request"))
    assert all(difference.allowed for difference in allowed)
    assert {d.key for d in comparable.differences(before, after, (), early=True)} == {
        "engine.request.extra_body", "template.enable_thinking", "template.reasoning_effort"
    }  # fmt: skip


def test_a_manifest_without_variables_compares_as_before() -> None:
    value = to_json(manifest({}))
    del value["template"], value["engine"]["request"]
    old = provenance.parse(value, "manifest.json")
    assert comparable.differences(old, manifest({}), ()) == ()
    assert len(comparable.differences(old, manifest({"x": 1}), ())) == 1


def test_what_is_asked_of_an_endpoint_is_told_from_how_it_is_reached() -> None:
    arguments = {
        "base_url": "http://x",
        "timeout_s": 3,
        "extra_body": {"a": 1},
        "standard_only": True,
    }
    profile = EngineProfile(name="e", engine="openai", engine_args=arguments)
    assert profile.asked == {"extra_body": {"a": 1}, "standard_only": True}
    assert EngineProfile(name="v", engine="vllm", engine_args={"dtype": "half"}).asked == {}
