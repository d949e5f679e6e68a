from pathlib import Path

import pytest

from smallscale_ci.containers import spec
from smallscale_ci.containers.spec import Mount, Spec


def described(**changes: object) -> Spec:
    values = {
        "name": "n",
        "image": "r/i@sha256:" + "a" * 64,
        "command": spec.worker_command(3),
        "mounts": (Mount(Path("/here"), "/there"), Mount(Path("/w"), "/work", read_only=False)),
        "user": "7:8",
        "memory": 1 << 30,
        "deadline_s": 60,
        **changes,
    }
    return Spec(**values)


def test_every_container_is_confined():
    body = spec.api(described())
    host = body["HostConfig"]
    assert body["User"] == "7:8"
    assert body["NetworkDisabled"] is True
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "CapAdd" not in host
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    assert host["MemorySwap"] == host["Memory"] == 1 << 30
    assert host["PidsLimit"] == 4096
    assert host["Tmpfs"].keys() == {"/tmp"}
    assert "nosuid" in host["Tmpfs"]["/tmp"]
    assert [mount["ReadOnly"] for mount in host["Mounts"]] == [True, False]
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["DeviceRequests"] == []


def test_the_worker_replaces_the_image_s_entry_point_and_ends_at_its_deadline():
    body = spec.api(described())
    assert body["Entrypoint"] == [
        "timeout", "--kill-after=10", "60",
        "python3", "/opt/smallscale/worker", "--work", "/work", "--rank", "3",
    ]  # fmt: skip
    assert body["Cmd"] == []


def test_the_profile_s_environment_comes_over_ours():
    body = spec.api(described(environment={"HF_HUB_OFFLINE": "0", "MINE": "a=b"}))
    assert "HF_HUB_OFFLINE=0" in body["Env"]
    assert "MINE=a=b" in body["Env"]
    assert len(body["Env"]) == len({item.partition("=")[0] for item in body["Env"]})


@pytest.mark.parametrize(
    ("gpus", "requests"),
    [
        ((), []),
        (("2", "3"), [{"Driver": "nvidia", "DeviceIDs": ["2", "3"], "Capabilities": [["gpu"]]}]),
        (("nvidia.com/gpu=0",), [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}]),
    ],
)
def test_gpus(gpus, requests):
    assert spec.device_requests(gpus) == requests
    limits = spec.api(described(gpus=gpus))["HostConfig"]["Ulimits"]
    (locked,) = [limit["Hard"] for limit in limits if limit["Name"] == "memlock"]
    assert locked == (-1 if gpus else 64 << 10)


def test_groups():
    assert spec.api(described(groups=(998, 2001)))["HostConfig"]["GroupAdd"] == ["998", "2001"]
    assert spec.api(described())["HostConfig"]["GroupAdd"] == []


def test_a_plain_checkpoint_is_one_mount(tmp_path):
    (tmp_path / "config.json").touch()
    assert spec.checkpoint_mounts(tmp_path) == (Mount(tmp_path, "/checkpoint"),)


def test_a_checkpoint_of_links_shows_nothing_else_of_where_they_lead(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    (snapshot / "sub").mkdir(parents=True)
    for name, target in (("config.json", "1"), ("sub/model.safetensors", "2")):
        (blobs / target).touch()
        (snapshot / name).symlink_to(blobs / target)
    (blobs / "secret").touch()
    assert spec.checkpoint_mounts(snapshot) == (
        Mount(blobs / "1", "/checkpoint/config.json"),
        Mount(blobs / "2", "/checkpoint/sub/model.safetensors"),
    )
