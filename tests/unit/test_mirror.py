"""Tests mirror the package: every room has a folder here, and every module a file of its name.

``gate/check.py`` has ``unit/gate/test_check.py``; where another test has that name, one more word:
``unit/run/test_run_columns.py``, ``unit/judges/test_math_judge.py``.
"""

from pathlib import Path

import smallscale_ci

PACKAGE = Path(smallscale_ci.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
# Modules without a file of their name, and where they are tried instead: declarations, commands
# that hand on what they are given, and parts of one other module.
THROUGH = {
    "__main__": "unit/test_readme.py",
    "candidate.grid_report": "integration/test_grid.py",
    "candidate.grid_run": "integration/test_grid.py",
    "candidate.loop": "integration/test_pairs_command.py",
    "candidate.prepare": "integration/test_candidate_rules.py",
    "candidate.steps": "integration/test_pairs_command.py",
    "checkpoint.model": "unit/checkpoint/test_find.py",
    "cli.candidate_options": "integration/test_candidate.py",
    "cli.candidates": "integration/test_candidate.py",
    "cli.evaluate": "integration/test_replay_eval.py",
    "cli.grids": "integration/test_grid.py",
    "cli.pairs": "integration/test_pairs_command.py",
    "cli.train": "integration/test_training.py",
    "cli.verify": "unit/pipeline/test_verify.py",
    "containers.box": "unit/containers/test_docker_engine.py",
    "containers.interface": "unit/containers/test_docker_engine.py",
    "generate.ray": "integration/test_ray_runtime.py",
    "judges.claims": "unit/judges/test_conclusions.py",
    "judges.doubts": "unit/judges/test_conclusions.py",
    "judges.interface": "unit/judges/test_judge_registry.py",
    "judges.lines": "unit/judges/test_conclusions.py",
    "judges.mathematics.equal": "unit/judges/test_math_judge.py",
    "judges.mathematics.forms": "unit/judges/test_math_judge.py",
    "judges.mathematics.library": "unit/judges/test_math_judge.py",
    "judges.mathematics.normal": "unit/judges/test_math_judge.py",
    "judges.mathematics.reader": "unit/judges/test_math_judge.py",
    "judges.mathematics.readings": "unit/judges/test_math_judge.py",
    "judges.mathematics.values": "unit/judges/test_math_judge.py",
    "judges.mentions": "unit/judges/test_mcq.py",
    "judges.options": "unit/judges/test_mcq.py",
    "judges.phrases": "unit/judges/test_conclusions.py",
    "judges.service": "unit/judges/test_llm_judge_unit.py",
    "report.interface": "unit/report/test_report_golden.py",
    "sandbox.bubblewrap": "integration/test_sandboxes.py",
    "sandbox.interface": "integration/test_sandboxes.py",
    "sandbox.jail": "integration/test_sandboxes.py",
    "sandbox.namespaces": "integration/test_sandboxes.py",
    "suite.option_columns": "unit/suite/test_local.py",
    "suite.smoke_code": "integration/test_smoke_code.py",
    "suite.smoke_facts": "unit/suite/test_smoke.py",
    "suite.smoke_train": "unit/suite/test_smoke.py",
    "worker.__main__": "unit/worker/test_loop.py",
    "worker.convert": "unit/checkpoint/test_embedded.py",
    "worker.engines.interface": "unit/worker/test_engine_sglang.py",
    "worker.train.export": "integration/test_training.py",
    "worker.train.losses": "integration/test_losses.py",
}


def mirror(name: str) -> list[str]:
    """The test files of the module's name in the folder of its room."""
    *above, stem = name.split(".")
    folder = TESTS / "unit" / (above[0] if above else "")
    found = folder.rglob("test_*.py") if above else folder.glob("test_*.py")
    words = (path.stem.removeprefix("test_") for path in found)
    return [w for w in words if w == stem or w.startswith(f"{stem}_") or w.endswith(f"_{stem}")]


def test_every_module_has_a_test_of_its_name_or_is_tried_through_another():
    assert {name for name in MODULES if not mirror(name)} == set(THROUGH)
    assert [place for place in THROUGH.values() if not (TESTS / place).is_file()] == []


def test_every_room_has_its_folder():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= {path.name for path in TESTS.glob("unit/*") if path.is_dir()}
