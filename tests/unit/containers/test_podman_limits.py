import pytest

from smallscale_ci.containers import spec
from smallscale_ci.containers.podman import device_requests, more_limits
from smallscale_ci.errors import ContainerError


def test_limits_are_those_that_we_may_set_ourselves():
    limits = {limit["Name"]: limit for limit in more_limits(())}
    assert set(limits) == {"nofile", "nproc"}
    assert all(0 < limit["Soft"] == limit["Hard"] for limit in limits.values())


def test_a_limit_that_is_given_is_left_alone():
    assert [limit["Name"] for limit in more_limits({"nofile", "stack"})] == ["nproc"]


def test_gpus_are_asked_for_by_their_cdi_names():
    requests = spec.device_requests(("0", "GPU-7f", "nvidia.com/gpu=3"))
    names = ["nvidia.com/gpu=0", "nvidia.com/gpu=GPU-7f", "nvidia.com/gpu=3"]
    assert device_requests(requests, (5, 6, 1)) == [{"Driver": "cdi", "DeviceIDs": names}]
    assert device_requests([], (4, 3, 1)) == []


def test_a_podman_that_would_overlook_the_gpus_is_refused():
    with pytest.raises(ContainerError, match="gives containers no GPUs") as caught:
        device_requests(spec.device_requests(("0",)), (4, 9, 3))
    assert "nvidia-ctk cdi generate" in caught.value.hint
