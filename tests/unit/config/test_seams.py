"""The tables name what is there: types cannot tell, for implementations are named as text."""

import inspect
import re
from pathlib import Path

import pytest

import smallscale_ci
from smallscale_ci.config import seams
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.seams import (
    AUTO,
    EXPORTS,
    JUDGES,
    RULES,
    RUNTIMES,
    SANDBOXES,
    STEPS,
    imported,
)
from smallscale_ci.config.suite import JudgeConfig
from smallscale_ci.interop.readers import READERS
from smallscale_ci.worker.engines.registry import ENGINES, adapter_for

PACKAGE = Path(smallscale_ci.__file__).parent
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
        (SANDBOXES, 4),
        ({name: kind.write for name, kind in EXPORTS.items()}, 2),
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


def test_no_code_asks_for_an_entry_of_a_table_by_its_name():
    """What a name stands for is in its line: `name == "code"` gave a new judge no sandbox."""
    names = (AUTO, *JUDGES, *ENGINES, *RUNTIMES, *SANDBOXES, *EXPORTS)
    tools = {reader.name for reader in READERS} - {"rows", "toolkit"}  # formats of suites, too
    asks = re.compile(rf"""(==|!=|\bis|\bin) [({{]?"({"|".join((*names, *tools))})\"""")
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if asks.search(line) and path.stem != "llamafactory"  # the values of a recipe
    ]
    assert found == []


def test_the_tables_import_nothing_of_the_package():
    """``--help`` reads them."""
    assert "smallscale_ci" not in inspect.getsource(seams).partition("_JUDGES =")[0]
