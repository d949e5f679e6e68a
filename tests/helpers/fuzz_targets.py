"""What is damaged, and which commands read it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

RUN, OTHER, BASELINE = "runs/run", "stored/src", "baselines/tiny/replay/m"
EVAL = ("eval", "stored/src", "-s", "tiny", "-p", "replay")
DRY = (*EVAL, "--dry-run")
FEW = ("--pairs", "few", "--eval-suite", "held-out")
TRAIN = ("--recipe", "lcpo", "--dry-run", "--train-python", "/none/python")


@dataclass(frozen=True)
class Target:
    """Files of one kind, and the commands that read them."""

    kind: str
    files: tuple[str, ...]  # patterns in the place
    commands: tuple[tuple[str, ...], ...]  # FILE stands for the damaged file
    weight: int = 2


TARGETS = (
    Target(
        "run",
        tuple(
            f"{RUN}/{name}"
            for name in (
                *("manifest.json", "config.yaml", "prompts.parquet", "generations.parquet"),
                *("judgements.parquet", "summary.json", "verdict.json", "evidence.intoto.json"),
            )
        ),
        (
            ("compare", RUN, "auto"),
            ("compare", OTHER, RUN),
            ("report", RUN),
            ("verify", RUN),
            ("verify", f"{RUN}/evidence.intoto.json"),
            ("judge", RUN),
            ("judge", RUN, "--explain", "ID"),
            ("show", RUN, "ID"),
            ("baseline", "record", RUN, "-m", "x", "--by", "Ada"),
            ("pairs", RUN, *FEW),
            ("export", RUN, "--to", "inspect"),
            ("export", RUN, "--to", "lm-eval"),
            ("export", RUN, "--to", "hub", "--dataset", "sums=a/b"),
            ("history",),
            ("publish", RUN),
            ("calibrate", RUN, "--trials", "3"),
            ("plan", "-s", "tiny", "-p", "replay", "-b", RUN, "--trials", "3"),
            ("eval", RUN, "-s", "tiny", "-p", "replay", "--dry-run"),
            ("eval", "--resume", RUN),
        ),
        12,
    ),
    Target(
        "resume", ("runs/half/work/*/*", "runs/half/*.*"), (("eval", "--resume", "runs/half"),), 1
    ),
    Target("replay", (f"{RUN}/*.*",), (("eval", RUN, "-s", "tiny", "-p", "replay"),), 1),
    Target(
        "baseline",
        (f"{BASELINE}/baseline.json", f"{BASELINE}/samples.parquet"),
        (
            ("baseline", "list"),
            ("baseline", "show", "tiny/replay/m"),
            ("baseline", "verify"),
            ("verify", "tiny/replay/m"),
            ("compare", OTHER, "m"),
            ("compare", OTHER, "auto"),
            ("calibrate", BASELINE, "--trials", "3"),
            ("plan", "m", "-s", "tiny", "-p", "replay", "--trials", "3"),
            ("baseline", "record", OTHER, "-m", "again", "--by", "Ada"),
            DRY,
        ),
        6,
    ),
    Target(
        "samples",
        ("bare.parquet",),
        (
            ("compare", "FILE", "m"),
            ("compare", OTHER, "FILE"),
            ("calibrate", "FILE", "--trials", "3"),
        ),
        3,
    ),
    Target(
        "suite", ("configs/suites/*.yaml",), (DRY, ("suite", "show", "tiny"), ("suite", "list")), 3
    ),
    Target("gate", ("configs/gates/tiny.yaml",), (DRY, ("compare", OTHER, "m", "-g", "tiny")), 2),
    Target(
        "profile",
        ("configs/engines/*.yaml",),
        ((*EVAL[:4], "-p", "slow", "-b", "tiny/replay/m", "--dry-run"),),
        2,
    ),
    Target(
        "pair policy",
        ("configs/pairs/*.yaml",),
        (("pairs", OTHER, *FEW), ("pairs", OTHER, *FEW, "--set", "pairs.max_pairs=x")),
        1,
    ),
    Target("recipe", ("configs/train/*.yaml",), (("train", "model", "made/pairs", *TRAIN),), 1),
    Target(
        "suite data",
        ("configs/suites/tiny.parquet", "configs/suites/*.jsonl", "configs/suites/*.csv"),
        (
            DRY,
            ("suite", "show", "tiny", "--problems", "2"),
            ("suite", "show", "held-out", "--problems", "2"),
            ("suite", "show", "listed", "--problems", "2"),
            ("suite", "verify"),
        ),
        5,
    ),
    Target(
        "rows",
        ("rows/*",),
        (
            ("judge", "FILE"),
            ("judge", "FILE", "--judge", "mcq"),
            ("compare", "FILE", "bare.parquet"),
        ),
        6,
    ),
    Target(
        "other tools",
        ("interop/**/*",),
        (
            ("compare", "FILE", "FILE"),
            ("compare", "FOLDER", "FOLDER"),
            ("judge", "FILE", "-o", "judged.parquet"),
            ("judge", "FOLDER", "-o", "judged"),
            ("baseline", "record", "FILE", "-m", "x", "--by", "Ada"),
        ),
        10,
    ),
    Target(
        "candidate",
        ("made/candidate.json", "made/pairs/pairs.json", "made/sample/manifest.json"),
        (("candidate", "--resume", "made", "--until", "pairs"),),
        3,
    ),
    Target(
        "pairs",
        ("made/pairs/pairs.json", "made/pairs/pairs.jsonl", "made/pairs/pairs.parquet"),
        (("train", "model", "made/pairs", *TRAIN),),
        2,
    ),
    Target("training", ("trained/*",), (("train", "--resume", "trained", *TRAIN[2:]),), 2),
    Target(
        "image lock",
        ("docker/images.lock.yaml",),
        (("image", "list"), ("image", "verify", "vllm"), ("doctor",)),
        2,
    ),
    Target(
        "checkpoint",
        ("model/*",),
        (
            (
                "eval",
                "model",
                "-s",
                "tiny",
                "-p",
                "vllm-cpu",
                "--dry-run",
                "--engine-python",
                sys.executable,
                "-b",
                "tiny/replay/m",
            ),
            ("train", "model", "made/pairs", *TRAIN),
        ),
        2,
    ),
)
