from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.config.folders import names
from smallscale_ci.config.load import dump, load, parse
from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.seams import JUDGES
from smallscale_ci.config.suite import (
    JudgeConfig,
    PromptConfig,
    SamplingConfig,
    SuiteConfig,
    TaskConfig,
)
from smallscale_ci.errors import EXIT_USAGE, ConfigError

REPOSITORY = Path(__file__).parents[3]

WRONG = r"""name: bad suite
descripton: x
sampling:
  temperature: hot
  top_p: 2
  max_tokens: "5"
sampling: {}
tasks:
  - name: a
    source: x
    judge: {name: maths, extract: boxed}
    prompt: {user: "{question} {choice} \\boxed{answer}", examples: [[a]]}
  - surce: y
    judge: {name: mcq, extract: [boxd]}
    epochs: .inf
reference: [a]
"""


def problems(model: type, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(model, text, "f.yaml")
    assert caught.value.exit_code == EXIT_USAGE
    return caught.value.problems


def test_all_problems_at_once_with_their_lines() -> None:
    assert problems(SuiteConfig, WRONG) == (
        "f.yaml:1: name: \"bad suite\" may hold letters, digits, '.', '_' and '-' only",
        "f.yaml:2: descripton: unknown key (did you mean 'description'?)",
        'f.yaml:4: sampling.temperature: must be a number, not "hot"',
        "f.yaml:5: sampling.top_p: must be less than or equal to 1, not 2",
        'f.yaml:6: sampling.max_tokens: must be a whole number, not "5"',
        "f.yaml:7: sampling: is given twice, first in line 3",
        (
            f'f.yaml:11: tasks[0].judge.name: "maths" is not one of {", ".join(JUDGES)} '
            "(did you mean 'math'?)"
        ),
        'f.yaml:11: tasks[0].judge.extract: must be a list, not "boxed"',
        (
            "f.yaml:12: tasks[0].prompt.user: unknown placeholder {choice}; "
            "known are {question} and {choices}"
        ),
        "f.yaml:12: tasks[0].prompt.examples[0][1]: is missing",
        "f.yaml:13: tasks[1].name: is missing",
        "f.yaml:13: tasks[1].source: is missing",
        "f.yaml:13: tasks[1].surce: unknown key (did you mean 'source'?)",
        (
            'f.yaml:14: tasks[1].judge.extract[0]: "boxd" is not one of boxed, stated, '
            "last-number, letter (did you mean 'boxed'?)"
        ),
        "f.yaml:15: tasks[1].epochs: must be a finite number, not .inf",
        "f.yaml:16: reference: must be a mapping, not a list",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1: is empty; a gate policy has at least a name"),
        ("- a", "f.yaml:1: must be a mapping of keys to values, not a list"),
        ("a: b: c", "f.yaml:1: mapping values are not allowed here"),
        ("name: g\nx: [\n", "f.yaml:3: expected the node content, but found '<stream end>'"),
        ("name: " + "[" * 1000, "f.yaml: lists or mappings are nested too deeply"),
        ("name: a\nallow: &x [*x]", "f.yaml:2: allow[0]: refers to itself"),
        ("name: a\n? [b]\n: 1", "f.yaml:2: a key must be a single word"),
        (
            "name: a\nallow: !!python/name:os.system x",
            'f.yaml:2: allow: cannot read "x" as tag:yaml.org,2002:python/name:os.system',
        ),
        (
            "name: a\ntask_margins:\n  math: {acuracy: 0.1}",
            "f.yaml:3: task_margins.math.acuracy: unknown key (did you mean 'accuracy'?)",
        ),
        (
            "name: a\nmargins: {tokens: -1}",
            "f.yaml:2: margins.tokens: must be greater than 0, not -1",
        ),
    ],
)
def test_one_problem(text: str, expected: str) -> None:
    assert problems(GatePolicy, text) == (expected,)


def test_empty_task_list_and_equal_task_names_are_problems() -> None:
    assert problems(SuiteConfig, "name: a\ntasks: []") == ("f.yaml:2: tasks: must not be empty",)
    task = "{name: t, source: x, judge: {name: math}}"
    (same,) = problems(SuiteConfig, f"name: a\ntasks: [{task}, {task}]")
    assert same == "f.yaml:1: two tasks of the suite have the same name"


def test_numbers_are_read_as_people_mean_them() -> None:
    policy = parse(GatePolicy, "name: a\nalpha_fail: 1e-3\nmargins: {accuracy: 1}", "f.yaml")
    assert policy.alpha_fail == 0.001
    assert policy.margins.accuracy == 1.0


def test_anchors_may_be_shared() -> None:
    text = "name: a\ntask_margins:\n  x: &m {accuracy: 0.1}\n  y: *m\n"
    policy = parse(GatePolicy, text, "f.yaml")
    assert policy.task_margins["x"] == policy.task_margins["y"] == Margins(accuracy=0.1)


def write(root: Path, folder: str, name: str, text: str) -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    path = root / folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_copied_file_that_kept_its_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "gates", "mine", "name: default")
    with pytest.raises(ConfigError) as caught:
        load(GatePolicy, "mine", (tmp_path,))
    assert caught.value.problems == (
        f"{path}: name: is 'default', but the file is called mine.yaml",
    )


def test_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path, "gates", "g", "")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(GatePolicy, "g", (tmp_path,))


@pytest.mark.parametrize("model", [SuiteConfig, EngineProfile, GatePolicy])
def test_shipped_configurations_load_and_survive_a_dump(model: type) -> None:
    roots = (REPOSITORY / "configs",)
    for name in names(model, roots):
        config = load(model, name, roots)
        assert parse(model, dump(config), "dump.yaml") == config


texts = st.text(st.characters(codec="utf-8"), max_size=30)
suites = st.builds(
    SuiteConfig,
    name=st.just("s"),
    description=texts,
    reference=st.dictionaries(texts, texts, max_size=3),
    sampling=st.builds(
        SamplingConfig, temperature=st.just(0.0) | st.floats(0.01, 2), stop=st.tuples(texts)
    ),
    tasks=st.tuples(
        st.builds(
            TaskConfig,
            name=st.just("t"),
            source=texts,
            prompt=st.builds(
                PromptConfig,
                user=texts.map(lambda text: text.replace("{", "") + "{question}"),
                examples=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
            ),
            judge=st.sampled_from(["math", "mcq", "code"]).map(lambda name: JudgeConfig(name=name))
            | st.just(JudgeConfig(name="llm", model="m", request={"seed": None}, rule="mcq")),
            metric=st.just("accuracy"),
        )
    ),
)


@pytest.mark.parametrize(
    "text", ["é世\U0001f600", "a\x85b", "\u2028", "\u2029", "\ufeff", " x\n\ty: #", "0E0", "1e-3"]
)
def test_awkward_texts_survive_a_dump(text: str) -> None:
    policy = GatePolicy(name="g", description=text)
    assert parse(GatePolicy, dump(policy), "dump.yaml") == policy


@given(suites)
def test_dump_then_parse_gives_the_same_suite(suite: SuiteConfig) -> None:
    assert parse(SuiteConfig, dump(suite), "dump.yaml") == suite


@given(st.text(max_size=60))
def test_any_text_gives_a_configuration_or_a_config_error(text: str) -> None:
    try:
        parse(EngineProfile, text, "f.yaml")
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - either way is right


def test_dump_is_plain_yaml_with_all_defaults() -> None:
    data = yaml.safe_load(dump(GatePolicy(name="g")))
    assert set(data) == set(GatePolicy.model_fields)


@pytest.mark.parametrize("name", ["vllm", "vllm-shared", "vllm-shuffle", "vllm-single", "sglang",
                                  "vllm-cpu"])  # fmt: skip
def test_shipped_profiles_wait_for_their_longest_answer(name):
    """The last answer may be as long as the context, and nothing else completes meanwhile."""
    profile = load(EngineProfile, name, (REPOSITORY / "configs",))
    context = profile.engine_args.get("max_model_len") or profile.engine_args["context_length"]
    assert profile.stall_timeout_s >= context / 16  # a large model writes so many tokens a second


def test_the_shipped_endpoint_profile_waits_for_one_request():
    profile = load(EngineProfile, "openai", (REPOSITORY / "configs",))
    assert profile.stall_timeout_s > profile.engine_args.get("timeout_s", 1800)


@pytest.mark.parametrize(
    "argument",
    [
        "model: other",
        "tokenizer: other",
        "load_format: dummy",
        "--load-format: dummy",
        "revision: abc",
        "hf_overrides: {num_hidden_layers: 1}",
        "model-path: other",
        "json_model_override_args: '{}'",
        "extra_body: {model: other}",
    ],
)
def test_engine_args_cannot_name_other_weights(argument):
    for engine in ("vllm", "sglang", "openai"):
        text = f"name: p\nengine: {engine}\nengine_args:\n  {argument}\n"
        with pytest.raises(ConfigError) as caught:
            parse(EngineProfile, text, "p.yaml")
        assert "engine_args" in " ".join(caught.value.problems)
    kept = "name: p\nengine: vllm\nengine_args: {max_model_len: 4096, model_impl: transformers}\n"
    assert parse(EngineProfile, kept, "p.yaml").engine_args["max_model_len"] == 4096
