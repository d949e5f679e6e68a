"""The same image in the stores of several engines is the same, and another is another.

The answers of docker 20.10 (classic store) and podman 4.3 were recorded for one image, that of
docker 29.7.2 (containerd store) for one made alike, with the digests of the first put in.
"""

from copy import deepcopy
from typing import Any

import pytest

from smallscale_ci.containers import images
from smallscale_ci.containers.identity import content
from smallscale_ci.containers.images import Image, ImageLock
from smallscale_ci.containers.memory import MemoryEngine

LAYER = "sha256:1a2ecf19466cc1b06bfcb11ee660dadf4c3d00ebb5145faa913ac28809ef6c1f"
CONFIGURED = "sha256:94270c39a03a7961c116e0826e55009a33473265b5f76e5fdff5e456df23f2c3"
PACKED = "sha256:" + "5" * 64
OTHER = "sha256:" + "6" * 64
_OLD: dict[str, Any] = {
    "Hostname": "", "Domainname": "", "User": "10001", "AttachStdin": False, "Tty": False,
    "Env": ["A=b"], "Cmd": None, "Image": "", "Volumes": None, "WorkingDir": "/work",
    "Entrypoint": ["sh", "-c"], "OnBuild": None, "Labels": {"x": "y"},
}  # fmt: skip
DOCKER_20 = {
    "Id": CONFIGURED, "RepoTags": ["it:1"], "RepoDigests": [], "Architecture": "amd64",
    "Os": "linux", "Size": 5000, "VirtualSize": 5000, "Config": _OLD,
    "DockerVersion": "20.10.24+dfsg1", "GraphDriver": {"Name": "overlay2"},
    "RootFS": {"Type": "layers", "Layers": [LAYER]},
}  # fmt: skip
PODMAN_4 = {
    **DOCKER_20, "RepoTags": ["localhost/it:1"], "RepoDigests": [f"localhost/it@{OTHER}"],
    "OsVersion": "20.10.24+dfsg1", "Size": 12010, "GraphDriver": {"Name": "vfs"},
}  # fmt: skip
DOCKER_29 = {
    "Id": PACKED, "RepoTags": ["it:1"], "RepoDigests": [f"it@{PACKED}"], "Architecture": "amd64",
    "Os": "linux", "Size": 1234, "Author": "", "Comment": "", "DockerVersion": "", "Parent": OTHER,
    "Descriptor": {
        "digest": PACKED, "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 745,
    },
    "GraphDriver": {"Data": None, "Name": "overlayfs"},
    "Config": {
        "Cmd": None, "Entrypoint": ["sh", "-c"], "Env": ["A=b"], "Labels": {"x": "y"},
        "OnBuild": None, "User": "10001", "Volumes": None, "WorkingDir": "/work",
    },
    "RootFS": {"Type": "layers", "Layers": [LAYER]},
}  # fmt: skip


def test_the_same_image_in_every_store() -> None:
    assert content(DOCKER_20) == content(PODMAN_4) == content(DOCKER_29)
    assert content(DOCKER_20).startswith("sha256:")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("RootFS", "Layers", [OTHER]),
        ("RootFS", "Layers", [LAYER, LAYER]),
        ("Config", "User", ""),
        ("Config", "Env", ["A=c"]),
        ("Config", "Entrypoint", ["sh"]),
        ("Config", "Labels", None),
    ],
)
def test_another_image_is_another(part: str, key: str, value: Any) -> None:
    changed = deepcopy(DOCKER_20)
    changed[part][key] = value
    assert content(changed) != content(DOCKER_20)
    assert content({**DOCKER_20, "Architecture": "arm64"}) != content(DOCKER_20)


def test_what_has_no_layers_is_not_compared() -> None:
    assert content({**DOCKER_29, "RootFS": {"Type": ""}}) == ""
    assert content({"Id": PACKED}) == ""


def test_a_built_image_is_found_under_another_store_s_id() -> None:
    """The lock was written beside docker's classic store; here the id is another."""
    engine = MemoryEngine()
    held = engine.add("r/own:1", b"the layers")
    entry = Image(repository="r/own", tag="1", id=OTHER, content=held.content)
    lock = ImageLock(name="images", images={"own": entry})
    meant = images.pinned(lock, "own")
    assert meant.digest == held.content  # what runs are compared by, whichever store they used
    found = images.local(engine, meant)
    assert found is not None
    assert (found.reference, found.digest) == (held.id, held.content)
    moved = MemoryEngine()
    moved.add("r/own:1", b"other layers")  # a tag alone says nothing
    assert images.local(moved, meant) is None
