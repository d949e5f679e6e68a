"""Tests mirror the package: every room has a folder here, and every module is a test's business."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import smallscale_ci

PACKAGE = Path(smallscale_ci.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
ELSEWHERE = {"records", "sandbox"}  # a vocabulary without behaviour; what is tried for real
# Modules that no test imports, and where they are tried instead: as users run them, or through the
# one module that uses them.
THROUGH = {
    "__main__": "unit/test_readme.py",
    "candidate.*": "integration/test_pairs_command.py",
    "cli.*": "unit/cli/test_cli_help.py",
    "config.base": "unit/config/test_load.py",
    "config.document": "unit/config/test_load.py",
    "config.engine_args": "unit/config/test_engine_args.py",
    "config.names": "unit/config/test_seams.py",
    "config.problems": "unit/config/test_load.py",
    "config.rules": "integration/test_rules.py",
    "config.template": "unit/pipeline/test_variables.py",
    "containers.remedies": "unit/containers/test_engine_errors.py",
    "doctor.install": "integration/test_remedies.py",
    "gate.*": "unit/gate/test_decide.py",
    "interop.*": "unit/interop/test_readers.py",
    "judges.*": "unit/judges/test_math_judge.py",
    "pairs.build": "integration/test_pairs_command.py",
    "pipeline.*": "unit/pipeline/test_evaluate.py",
    "records.*": "unit/run/test_records_json.py",
    "report.*": "unit/report/test_report_golden.py",
    "run.*": "unit/run/test_folder.py",
    "sandbox.*": "integration/test_sandboxes.py",
    "stats.epochs": "unit/gate/test_schedule.py",
    "suite.*": "unit/suite/test_smoke.py",
    "worker.*": "unit/worker/test_loop.py",
}


def imported(path: Path) -> set[str]:
    """Modules of the package that the file imports, with what it imports from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{item.name}" for item in node.names)}
    return {name.removeprefix("smallscale_ci.") for name in found}


def test_every_module_is_imported_by_a_test_or_tried_through_another():
    known = set().union(*map(imported, TESTS.rglob("*.py")))
    left = [name for name in MODULES if name not in known]
    stray = [name for name in left if not any(fnmatch(name, pattern) for pattern in THROUGH)]
    assert stray == []
    idle = [pattern for pattern in THROUGH if not any(fnmatch(name, pattern) for name in left)]
    assert idle == []
    assert [place for place in THROUGH.values() if not (TESTS / place).is_file()] == []


def test_every_room_has_its_folder():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {path.name for path in TESTS.glob("unit/*") if path.is_dir()} == ELSEWHERE
