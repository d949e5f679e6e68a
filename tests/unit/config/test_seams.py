"""The tables name what is there: types cannot tell, for implementations are named as text."""

import inspect
from pathlib import Path

import pytest

from smallscale_ci.config import seams
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.seams import AUTO, JUDGES, RUNTIMES, SANDBOXES, STEPS, imported
from smallscale_ci.config.suite import JudgeConfig
from smallscale_ci.worker.engines.registry import ENGINES, adapter_for

RULES = [name for name, kind in JUDGES.items() if kind.rule]
CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_is_what_its_line_says(name):
    judge = imported(JUDGES[name].judge)()
    assert judge.name == JUDGES[name].name == name
    assert judge.version >= 1
    assert callable(judge.judge)
    assert callable(judge.quick)
    if JUDGES[name].steps:
        wanted = ["problem", "answer", "spec", "ruling"]
        assert [*inspect.signature(imported(JUDGES[name].steps)).parameters] == wanted


@pytest.mark.parametrize(
    ("table", "parameters"),
    [
        ({name: kind.build for name, kind in RUNTIMES.items()}, 1),
        (SANDBOXES, 3),
        ({name: kind.do for name, kind in STEPS.items()}, 3),
    ],
)
def test_what_is_named_is_there(table, parameters):
    for place in table.values():
        inspect.signature(imported(place)).bind(*range(parameters))


def test_steps_come_after_what_they_are_made_from():
    done: set[str] = set()
    for step in STEPS.values():
        assert done.issuperset(step.needs)
        done.add(step.name)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_has_an_adapter_that_is_made_without_the_engine(name):
    job = {"engine": name, "model": "m", "sampling": {"max_tokens": 1}, "engine_args": {}}
    try:
        adapter = adapter_for(job)
    except ImportError:
        pytest.fail("the engine itself is imported before it starts")
    for method in ("start", "generate", "close", "info"):
        assert callable(getattr(adapter, method))


def test_configurations_may_name_what_the_tables_name():
    for name, kind in JUDGES.items():
        assert JudgeConfig(name=name, model="m" if kind.asks else "").name == name
    for name in ENGINES:
        assert EngineProfile(name="p", engine=name).engine_kind is ENGINES[name]
    for name in (AUTO, *RUNTIMES):
        assert EngineProfile(name="p", engine="vllm", runtime=name).runtime == name
    for engine in ENGINES.values():
        if engine.shared:
            assert (CONFIGS / "engines" / f"{engine.shared}.yaml").is_file()


@pytest.mark.parametrize(
    ("model", "values", "known"),
    [
        (JudgeConfig, {"name": "mth"}, JUDGES),
        (JudgeConfig, {"name": "llm", "model": "m", "rule": "code"}, RULES),
        (EngineProfile, {"name": "p", "engine": "vlm"}, ENGINES),
        (EngineProfile, {"name": "p", "engine": "vllm", "runtime": "k8s"}, (AUTO, *RUNTIMES)),
    ],
)
def test_other_words_are_refused_with_the_known_ones(model, values, known):
    *first, last = map(repr, known)
    with pytest.raises(ValueError, match=f"{', '.join(first)} or {last}"):
        model(**values)


def test_the_tables_import_nothing_of_the_package():
    """``--help`` reads them."""
    assert "smallscale_ci" not in inspect.getsource(seams).partition("_JUDGES =")[0]
