"""What a comparison of many samples takes: modules that it loads, and memory."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NEEDLESS = ("pandas", "scipy.stats", "sympy", "smallscale_ci.judges.stream", "docker")
COUNT = 300_000
MOST = (
    330  # MiB, Python 3.14 takes 303; Python's own texts and a copy of each column would take 400
)

CODE = f"""
import json, re, sys
from smallscale_ci.cli.main import app
try: app(sys.argv[1:])
except SystemExit as end: code = end.code
most = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024
print("\\n" + json.dumps([code, most, [name for name in {NEEDLESS!r} if name in sys.modules]]))
"""


@pytest.mark.parametrize("shuffled", [False, True])
def test_many_samples_are_compared_in_little_memory(tmp_path, shuffled):
    rng = np.random.default_rng(0)
    ids = np.array([f"{n * 2654435761 % 2**48:012x}" for n in range(COUNT)])
    for name in ("new", "old"):
        rows = rng.permutation(COUNT) if shuffled else np.argsort(ids)
        table = {
            "task": ["math"] * COUNT,
            "problem_id": ids[rows],
            "sample_index": np.zeros(COUNT, dtype=np.int64),
            "outcome": np.where(rng.random(COUNT) < 0.8, "CORRECT", "WRONG"),
            "completion_tokens": rng.integers(80, 120, COUNT),
        }
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet", compression="zstd")
    files = [str(tmp_path / f"{name}.parquet") for name in ("new", "old")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, "compare", *files], capture_output=True, text=True, check=True
    )
    code, memory, loaded = json.loads(done.stdout.splitlines()[-1])
    assert (code, loaded) == (0, []), done.stdout
    assert memory < MOST


def test_arrow_does_not_load_pandas_where_it_is_installed():
    code = (
        "import sys\nfrom smallscale_ci.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "import pyarrow as pa\nassert pa.array(['a']).to_pylist() == ['a']\n"
        "print('pandas' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
