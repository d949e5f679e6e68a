from smallscale_ci.containers.podman import more_limits


def test_limits_are_those_that_we_may_set_ourselves():
    limits = {limit["Name"]: limit for limit in more_limits(())}
    assert set(limits) == {"nofile", "nproc"}
    assert all(0 < limit["Soft"] == limit["Hard"] for limit in limits.values())


def test_a_limit_that_is_given_is_left_alone():
    assert [limit["Name"] for limit in more_limits({"nofile", "stack"})] == ["nproc"]
