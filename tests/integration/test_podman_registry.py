"""Podman and a real registry: what was pushed is pinned by the digest that the registry has."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from helpers import boxes, replayed
from helpers.needed import absent

from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with boxes.registry(tmp_path_factory.mktemp("r")) as address:
        yield address


@pytest.fixture(scope="module")
def address(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a service that has one small image, and may use the registry without TLS."""
    if os.geteuid() or shutil.which("podman") is None:
        absent("only root, with podman installed, can start a service: tests/tools/testbed.sh")
    folder = tmp_path_factory.mktemp("p")
    podman = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    (folder / "content").mkdir()
    (folder / "content" / "file").write_text("content " * 500)
    content = subprocess.Popen(
        ["tar", "-C", str(folder / "content"), "-c", "."], stdout=subprocess.PIPE
    )
    tagged = f"{registry}/smallscale/tiny:1"
    subprocess.run(
        [*podman, "import", "-", tagged], stdin=content.stdout, check=True, capture_output=True
    )
    assert content.wait(60) == 0
    settings = folder / "registries.conf"
    settings.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    serve = [*podman, "system", "service", "--time=0", f"unix://{folder}/socket"]
    environment = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(settings)}
    log = (folder / "log").open("wb")
    service = subprocess.Popen(serve, stdout=log, stderr=log, env=environment)
    try:
        replayed.wait_for((folder / "socket").exists, "podman's socket")
        yield f"unix://{folder}/socket"
    finally:
        service.terminate()
        service.wait(30)
        boxes.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def engine(address: str) -> Engine:
    return connect({"DOCKER_HOST": address})


@pytest.fixture(scope="module")
def pushed(engine: Engine, registry: str) -> str:
    return engine.push(f"{registry}/smallscale/tiny", "1")


def manifest(registry: str) -> dict[str, Any]:
    """What the registry holds, by itself."""
    accept = "application/vnd.oci.image.manifest.v1+json"
    url = f"http://{registry}/v2/smallscale/tiny/manifests/1"
    answer = httpx2.get(url, headers={"Accept": accept})
    assert answer.is_success
    return {**answer.json(), "named": answer.headers["docker-content-digest"]}


def test_the_digest_is_the_registry_s(engine: Engine, registry: str, pushed: str) -> None:
    held = manifest(registry)
    assert pushed == held["named"]
    assert engine.resolve(f"{registry}/smallscale/tiny:1") == pushed
    here = engine.image(f"{registry}/smallscale/tiny@{pushed}")
    assert here is not None
    assert here.id == held["config"]["digest"]  # podman's ids are digests of configurations


def test_the_lock_takes_it_and_the_image_is_here(
    address: str, registry: str, pushed: str, tmp_path: Path
) -> None:
    entry = {"repository": f"{registry}/smallscale/tiny", "tag": "1"}
    lock = boxes.write_lock(tmp_path, tiny=entry)
    done = replayed.smallscale(tmp_path, "image", "lock", "tiny", DOCKER_HOST=address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(lock.read_text())["images"]["tiny"]["digest"] == pushed
    done = replayed.smallscale(tmp_path, "image", "verify", "tiny", DOCKER_HOST=address)
    assert done.returncode == 0, done.stdout + done.stderr
    done = replayed.smallscale(tmp_path, "image", "list", "--json", DOCKER_HOST=address)
    assert "present" in json.dumps(json.loads(done.stdout))


def test_a_tag_that_the_registry_lacks(engine: Engine, registry: str) -> None:
    with pytest.raises(ContainerError, match="manifest unknown") as caught:
        engine.resolve(f"{registry}/smallscale/other:1")
    assert "image lock" in caught.value.hint
