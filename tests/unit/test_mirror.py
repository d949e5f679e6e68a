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
# Modules that no test imports, and where they are tried instead: as users run them, or through the
# one module that uses them.
THROUGH = {
    "__main__": "unit/test_readme.py",
    "candidate.loop": "integration/test_pairs_command.py",
    "candidate.steps": "integration/test_pairs_command.py",
    "cli.*": "unit/cli/test_cli_help.py",
    "config.engine_args": "unit/config/test_engine_args.py",
    "interop.*": "unit/interop/test_readers.py",
    "judges.*": "unit/judges/test_math_judge.py",
    "pipeline.verify": "unit/pipeline/test_verify.py",
    "records.limits": "unit/gate/test_shipped_policies.py",
    "sandbox.*": "integration/test_sandboxes.py",
    "suite.smoke_code": "integration/test_smoke_code.py",
    "suite.smoke_facts": "unit/suite/test_smoke.py",
    "worker.__main__": "unit/worker/test_loop.py",
    "worker.bytecode": "unit/worker/test_bytecode.py",
    "worker.convert": "unit/checkpoint/test_embedded.py",
    "worker.engines.replay": "unit/worker/test_replay_worker.py",
    "worker.train.export": "unit/worker/test_train_entry.py",
    "worker.train.template": "unit/worker/test_train_check.py",
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
    assert rooms - {path.name for path in TESTS.glob("unit/*") if path.is_dir()} == set()
