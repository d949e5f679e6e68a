"""Start a worker: ``python3 smallscale_ci/worker --work DIR --rank N [--parent PID]``.

Or one step of training: ``python3 smallscale_ci/worker train|check|export FILE``.
"""

import importlib.util
import sys
from pathlib import Path

PACKAGE = "smallscale_worker"


def _load() -> None:
    """Import this folder as a package under a fixed name, whatever its name on disk."""
    folder = Path(__file__).resolve().parent
    # Python put the started folder on the path, where its modules could shadow the engine's.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != folder]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None  # noqa: S101 - the file is there: it is beside this one
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _load()
    trains = sys.argv[1:2] in (["train"], ["check"], ["export"])
    module = importlib.import_module(f"{PACKAGE}.{'train.entry' if trains else 'loop'}")
    sys.exit(module.main(sys.argv[1:]))
