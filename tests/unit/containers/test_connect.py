"""Which container engine the environment means."""

import pytest

from smallscale_ci.containers import connect
from smallscale_ci.containers.memory import MemoryEngine


def test_a_host_that_is_named_is_the_only_one():
    assert connect.sockets({"DOCKER_HOST": "tcp://h:1", "XDG_RUNTIME_DIR": "/run/user/7"}) == [
        "tcp://h:1"
    ]


def test_else_the_user_s_own_sockets_come_after_docker_s_and_before_podman_s(tmp_path, monkeypatch):
    places = ["/var/run/docker.sock", "/own/docker.sock", "/own/podman/podman.sock"]
    places.append("/run/podman/podman.sock")
    here = {path: tmp_path / path[1:] for path in places}
    monkeypatch.setattr(connect, "Path", lambda path: here[path])
    assert connect.sockets({"XDG_RUNTIME_DIR": "/own"}) == []
    for path in here.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert connect.sockets({"XDG_RUNTIME_DIR": "/own"}) == [f"unix://{path}" for path in places]
    # An empty variable names nothing.
    assert connect.sockets({"DOCKER_HOST": "", "XDG_RUNTIME_DIR": ""}) == [
        "unix:///var/run/docker.sock",
        "unix:///run/podman/podman.sock",
    ]


@pytest.mark.parametrize("name", ["", "a-name"])
def test_an_engine_in_memory_needs_no_socket(name):
    found = connect.connect({"DOCKER_HOST": f"memory:{name}"})
    assert isinstance(found, MemoryEngine)
    assert found.about().socket == f"memory:{name}"
