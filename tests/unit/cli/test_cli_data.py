"""``suite`` and ``schema``: what is shown of a suite, and that one failure hides no other."""

import json

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli import data
from smallscale_ci.cli.main import app


@pytest.fixture
def place(tmp_path, monkeypatch):
    replayed.make_configs(tmp_path, problems=1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMALLSCALE_CONFIGS", raising=False)
    return tmp_path


def call(*arguments):
    done = CliRunner().invoke(app, [*arguments])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


def test_a_suite_is_shown_as_the_model_sees_it(place):
    code, said, _ = call("suite", "show", "tiny")
    assert code == 0
    assert "1 problem · tiny.parquet · judge math · accuracy, 1 epoch" in " ".join(said.split())
    assert "user: What is 0 + 1?" in said
    assert "gold: 1" in said
    value = json.loads(call("suite", "show", "tiny", "--json")[1])
    assert (value["problems"], value["pulled"], value["name"]) == (1, True, "tiny")


def test_a_suite_that_was_not_pulled_is_shown_without_its_problems(place):
    file = place / "configs" / "suites" / "tiny.yaml"
    file.write_text(file.read_text().replace("tiny.parquet", "hf:org/data@main/x.parquet"))
    code, said, _ = call("suite", "show", "tiny")
    assert code == 0
    assert "smallscale suite pull tiny" in " ".join(said.split())
    assert json.loads(call("suite", "show", "tiny", "--json")[1])["hash"] is None


def test_one_suite_that_fails_hides_neither_the_others_nor_their_failures(place):
    code, said, errors = call("suite", "verify", "none", "tiny", "nor this")
    assert code == 2
    assert said.startswith("tiny: 1 problem, hash ")
    assert "There is no suite 'none'" in errors
    assert "There is no suite 'nor this'" in errors


def test_a_suite_whose_file_is_invalid_is_told_and_the_others_are_listed(place):
    (place / "configs" / "suites" / "broken.yaml").write_text("name: broken\ntasks: none\n")
    code, said, errors = call("suite", "list")
    assert code == 2
    assert "tiny" in said
    assert "broken.yaml" in errors
    code, said, _ = call("suite", "list", "--json")
    assert code == 2
    assert "broken.yaml" in json.loads(said)["error"]  # one JSON value, as ever
    code, said, errors = call("suite", "verify")
    assert code == 2
    assert "tiny: 1 problem, hash " in said
    assert "broken.yaml" in errors


@pytest.mark.parametrize("name", [*data.SchemaName])
def test_every_schema_is_one_of_an_object(name):
    code, said, _ = call("schema", name.value)
    schema = json.loads(said)
    assert code == 0
    assert schema["type"] == "object"
    assert schema["properties"]
