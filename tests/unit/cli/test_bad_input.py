"""What people get wrong: each ends in a sentence that says what to do next, and harms nothing."""

import json
import shutil
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import replayed
from helpers.checkpoints import safetensors
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("made")
    replayed.make_configs(place, problems=12)
    replayed.make_run(place, "src", epochs=1)
    baselines = place / "baselines"
    baselines.mkdir()
    arguments = ["baseline", "record", str(place / "stored" / "src"), "-m", "first", "--by", "Ada"]
    done = CliRunner().invoke(app, [*arguments, "--baselines", str(baselines)])
    assert done.exit_code == 0, done.stderr
    return place


@pytest.fixture
def place(made, tmp_path, monkeypatch) -> Path:
    """A working folder with configurations, one stored run and its baseline."""
    found = shutil.copytree(made, tmp_path / "place")
    monkeypatch.chdir(found)
    for name in ("SMALLSCALE_CONFIGS", "SMALLSCALE_ENVIRONMENTS"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture(autouse=True)
def signals():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def untouched(place: Path) -> dict[Path, bytes]:
    folders = (place / "stored", place / "baselines", place / "runs")
    return {path: path.read_bytes() for f in folders for path in f.rglob("*") if path.is_file()}


def fails(place: Path, code: int, *arguments: str) -> str:
    """What a call says that ends with ``code``; earlier runs and baselines stay as they are."""
    before = untouched(place)
    done = CliRunner().invoke(app, list(arguments))
    said = done.stdout + done.stderr
    assert done.exit_code == code, said
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in said
    assert "should not" not in said
    after = untouched(place)
    assert {path: after.get(path) for path in before} == before
    return said


EVAL = ("eval", "stored/src", "--suite", "tiny", "--profile", "replay")


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["eval"], ["Missing argument MODEL", "smollm2"]),
        (["eval", "./none", "--profile", "vllm-cpu"], ["no model './none'", "org/name"]),
        (["eval", "stored/nix", *EVAL[2:]], ["is not a run folder"]),
        ([*EVAL, "--suite", "tinyy"], ["no suite 'tinyy' (did you mean 'tiny'?)", "Known:"]),
        ([*EVAL, "--profile", "repaly"], ["profile 'repaly' (did you mean 'replay'?)"]),
        ([*EVAL, "--gate", "tinny"], ["policy 'tinny' (did you mean 'tiny'?)"]),
        ([*EVAL, "--suite", "./none.yaml"], ["no file none.yaml"]),
        (["eval", "--resume", "stored/none"], ["is not a run folder"]),
        (["judge", "stored"], ["not a run, a baseline or a result"]),
        (["judge", "stored/none.parquet"], ["does not exist"]),
        (["report", "stored/none"], ["is not a run folder"]),
        (["compare", "stored/none", "m"], ["stored/none does not exist"]),
        (["compare", "stored/src", "stored/none"], ["stored/none does not exist", "tiny/replay/m"]),
        (["compare", "stored/src", "m", "--look", "2"], ["Look 2 of 1 does not exist"]),
        (["baseline", "record", "stored", "-m", "x"], ["is not a run folder"]),
        (["baseline", "show", "tiny/replay/n"], ["no baseline 'tiny/replay/n'", "tiny/replay/m"]),
        ([*EVAL, "--baseline", "git:none"], ["not in a git repository"]),
        ([*EVAL, "--baseline", "none"], ["--baseline is none", "smallscale generate"]),
        ([*EVAL, "--baseline", "./stored"], ["neither a baseline nor a run"]),
    ],
)
def test_what_does_not_exist_is_named(place, arguments, expected):
    if "vllm-cpu" in arguments:
        arguments += ["--engine-python", sys.executable, "--suite", "tiny", "-b", "tiny/replay/m"]
    said = fails(place, 2, *arguments)
    for text in expected:
        assert text in said
    assert "→" in said


def test_a_folder_that_is_no_checkpoint(place):
    (place / "model").mkdir()
    (place / "model" / "config.json").write_text("{}")
    arguments = ("--profile", "vllm-cpu", "--engine-python", sys.executable, "-b", "tiny/replay/m")
    said = fails(place, 2, "eval", "./model", "--suite", "tiny", *arguments)
    assert "missing *.safetensors, a tokenizer" in said
    assert "save_pretrained" in said


def test_no_engine_environment(place, monkeypatch):
    monkeypatch.setenv("SMALLSCALE_ENVIRONMENTS", str(place / "none"))
    arguments = ("--profile", "vllm-cpu", "-b", "tiny/replay/m")
    said = fails(place, 3, "eval", "smollm2", "--suite", "tiny", *arguments)
    assert "engine install" in said


# -- files ----------------------------------------------------------------------------------------


def test_all_mistakes_of_a_configuration_at_once_with_file_and_line(place):
    (place / "configs" / "suites" / "tiny.yaml").write_text(
        "name: tiny\n"
        "gaet: tiny\n"
        "sampling:\n"
        "  max_tokens: many\n"
        "  temperature: 9\n"
        "tasks:\n"
        "  - name: sums\n"
        "    source: tiny.parquet\n"
        "    judge: {name: maths}\n"
    )
    said = fails(place, 2, *EVAL)
    for text in (
        "tiny.yaml has 4 problems",
        "tiny.yaml:2: gaet: unknown key (did you mean 'gate'?)",
        'tiny.yaml:4: sampling.max_tokens: must be a whole number, not "many"',
        "tiny.yaml:5: sampling.temperature",
        "tiny.yaml:9: tasks[0].judge.name",
        "did you mean 'math'?",
    ):
        assert text in said


def spoil(place: Path, content: bytes | dict[str, list[str]]) -> None:
    path = place / "configs" / "suites" / "tiny.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(pa.table(content), path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "damaged or not a parquet"),
        (b"PAR1 and then nothing PAR1", "damaged or not a parquet"),
        ({"question": [], "gold": []}, "holds no problems"),
        ({"question": ["a", "b", "a"], "gold": ["1", "2", "1"]}, "rows 1 and 3 are the same"),
        ({"question": ["a", " "], "gold": ["1", "2"]}, "row 2 has no question"),
        ({"qestion": ["a"], "gold": ["1"]}, "did you mean 'qestion'?"),
    ],
)
def test_suite_data_that_cannot_be_used(place, content, expected):
    spoil(place, content)
    said = fails(place, 2, *EVAL)
    assert expected in said
    assert "→" in said
    assert not (place / "runs").exists()


def test_a_run_whose_suite_moved_on_is_not_judged_again(place):
    spoil(place, {"question": ["a"], "gold": ["1"]})
    config = place / "stored" / "src" / "config.yaml"
    old = next(line for line in config.read_text().splitlines() if "suite_folder" in line)
    config.write_text(config.read_text().replace(old, f"suite_folder: {place}/configs/suites"))
    replayed.rehash(place / "stored" / "src")
    said = fails(place, 4, "judge", "stored/src")
    assert "changed since" in said


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "config.yaml", "generations.parquet", "judgements.parquet", "summary.json"],
)
def test_a_run_with_a_broken_file(place, name):
    path = place / "stored" / "src" / name
    path.write_bytes(path.read_bytes()[:40])
    said = fails(place, 2, "compare", "stored/src", "m")
    assert "→" in said


@pytest.mark.parametrize("command", ["compare", "report", "publish"])
def test_a_run_without_its_summary_says_what_writes_it(place, command, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    runner = ("compare", "stored/src", "tiny/replay/m")
    assert CliRunner().invoke(app, list(runner)).exit_code == 0
    (place / "stored" / "src" / "summary.json").unlink()
    arguments = runner if command == "compare" else (command, "stored/src")
    said = fails(place, 2, *arguments)
    assert "There is no stored/src/summary.json" in said
    assert "smallscale judge stored/src" in said


@pytest.mark.parametrize("command", ["compare", "report", "judge", "record", "resume"])
def test_a_manifest_that_lacks_half(place, command):
    path = place / "stored" / "src" / "manifest.json"
    path.write_text('{"schema_version": "1", "profile": "replay"}')
    more = {"compare": ["m"], "record": ["-m", "x"]}
    words = {"record": ["baseline", "record"], "resume": ["eval", "--resume"]}
    arguments = [*words.get(command, [command]), "stored/src", *more.get(command, [])]
    assert "lacks run_id, status, checkpoint, suite" in fails(place, 2, *arguments)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("judge.requests.seed=1", "--set judge.requests"),
        ("judge.rule=poetry", "rule"),
        ("sampling.seed=1", "KEY begins with judge"),
    ],
)
def test_values_of_a_files_judge_that_do_not_fit(place, change, expected):
    Path("answers.jsonl").write_text('{"answer": "4", "output": "\\\\boxed{4}"}\n')
    assert expected in fails(place, 2, "judge", "answers.jsonl", "--set", change)


def test_foreign_files_are_checked(place):
    pq.write_table(pa.table({"model_output": ["x"]}), place / "f.parquet")
    assert "has no gold answer" in fails(place, 2, "judge", "f.parquet")
    (place / "f.parquet").write_bytes(b"PAR1")
    assert "damaged or not a parquet" in fails(place, 2, "judge", "f.parquet")
    pq.write_table(pa.table({"model_output": ["x"], "answer": ["1"]}), place / "f.parquet")
    said = fails(place, 2, "judge", "f.parquet", "--judge", "maths")
    assert "--judge maths" in said


# -- baselines ------------------------------------------------------------------------------------


def test_no_baseline_names_the_command_that_records_one(place):
    shutil.rmtree(place / "baselines")
    said = fails(place, 4, *EVAL, "--baselines", str(place / "none"))
    assert "no baseline of 'm' for suite 'tiny' and profile 'replay'" in said
    assert "smallscale baseline record" in said
    assert not (place / "runs").exists()


def test_a_damaged_baseline(place):
    (place / "baselines" / "tiny" / "replay" / "m" / "baseline.json").write_text("{")
    assert "is damaged" in fails(place, 2, *EVAL)
    assert "is damaged" in fails(place, 4, "baseline", "verify")
    assert "is damaged" in fails(place, 2, "baseline", "show", "tiny/replay/m")
    fails(place, 2, "baseline", "list")


def test_a_baseline_of_other_sampling_is_invalid_with_a_table(place):
    path = place / "baselines" / "tiny" / "replay" / "m" / "baseline.json"
    value = json.loads(path.read_text())
    value["manifest"]["sampling"]["temperature"] = 0.7
    value["manifest"]["judges"] = {"sums": "math/0 boxed"}
    path.write_text(json.dumps(value))
    said = fails(place, 4, *EVAL)
    assert "INVALID" in said
    assert "sampling.temperature" in said
    assert "0.7" in said
    assert "math/0" in said
    value = json.loads(CliRunner().invoke(app, [*EVAL, "--json"]).stdout)
    assert {d["key"] for d in value["differences"]} == {"sampling.temperature", "judges"}


def test_a_difference_that_the_policy_allows_by_name_is_shown_and_passes(place):
    path = place / "baselines" / "tiny" / "replay" / "m" / "baseline.json"
    value = json.loads(path.read_text())
    value["manifest"]["engine"]["version"] = "0.25.1"
    path.write_text(json.dumps(value))
    gate = place / "configs" / "gates" / "tiny.yaml"
    fails(place, 4, *EVAL)
    gate.write_text(gate.read_text().replace("0.12", "0.9") + "allow: [engine.version]\n")
    assert "engine.version" in fails(place, 0, *EVAL)


def test_a_baseline_of_another_suite_is_invalid(place):
    data = pq.read_table(place / "configs" / "suites" / "tiny.parquet").slice(0, 9)
    pq.write_table(data, place / "configs" / "suites" / "small.parquet")
    suite = (place / "configs" / "suites" / "tiny.yaml").read_text()
    suite = suite.replace("name: tiny", "name: small").replace("tiny.parquet", "small.parquet")
    (place / "configs" / "suites" / "small.yaml").write_text(suite)
    small = replayed.make_run(place, "small", epochs=1, suite_name="small")
    said = fails(place, 4, "compare", str(small), "tiny/replay/m")
    assert "suite.hash" in said


def test_an_incomplete_run_is_no_baseline(place):
    path = place / "stored" / "src" / "manifest.json"
    path.write_text(path.read_text().replace('"complete"', '"interrupted"'))
    said = fails(place, 4, "baseline", "record", "stored/src", "-m", "x", "--by", "Ada")
    assert "--resume" in said


# -- engines --------------------------------------------------------------------------------------


def test_a_worker_that_dies_at_its_start_shows_its_log(place):
    model = place / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (model / name).write_text("{}")
    (model / "a.safetensors").write_bytes(safetensors(bytes(64)))
    arguments = ("--profile", "vllm-cpu", "--engine-python", sys.executable, "-b", "tiny/replay/m")
    said = fails(place, 3, "eval", "./model", "--suite", "tiny", *arguments)
    assert "No module named 'vllm'" in said
    assert "The engine's last lines" in said
    assert "--engine-python" in said
    (run,) = (place / "runs").iterdir()
    assert json.loads((run / "manifest.json").read_text())["status"] == "failed"


def test_a_python_that_is_none(place):
    said = fails(place, 3, *EVAL, "--engine-python", "/none/python")
    assert "/none/python cannot be started" in said


def test_a_profile_whose_runtime_is_not_installed(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    profile = place / "configs" / "engines" / "far.yaml"
    profile.write_text("name: far\nengine: replay\nruntime: ray\n")
    said = fails(place, 2, *EVAL[:4], "--profile", "far", "-b", "tiny/replay/m")
    assert "runtime" in said
    assert "pip install" in said


def test_a_gpu_that_is_named_twice(place):
    said = fails(place, 2, "eval", "stored/src", "-s", "tiny", "-p", "replay", "--gpus", "0,1,0")
    assert "names a GPU twice" in said
