"""What container engines and registries say when something is wrong, and what helps against it."""

import pytest

from smallscale_ci.containers.remedies import remedy


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        # GPUs: a missing toolkit, an old driver, and a driver that was updated while it ran
        ('could not select device driver "nvidia" with capabilities: [[gpu]]', "Toolkit"),
        ("unknown or invalid runtime name: nvidia", "Toolkit"),
        ("nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.9", "driver"),
        ("nvidia-container-cli: initialization error: driver/library version mismatch", "driver"),
        ("failed to stat CDI host device: unresolvable CDI devices nvidia.com/gpu=7", "Toolkit"),
        # what the image has
        ('exec: "timeout": executable file not found in $PATH: unknown', "python3 and timeout"),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "processor"),
        ("exec /usr/bin/timeout: exec format error", "processor"),
        # the registry
        ("manifest for r/i:9 not found: manifest unknown", "repository and tag"),
        (
            "pull access denied for r/i, does not exist: denied: requested",
            "docker login",
        ),
        ("unauthorized: authentication required", "docker login"),
        ("toomanyrequests: You have reached your pull rate limit", "docker login"),
        ('Get "https://r/v2/": dial tcp: lookup r on 127.0.0.53:53: no such host', "network"),
        ('Get "https://r/v2/": dial tcp: lookup r: server misbehaving', "network"),
        ('Get "https://r/v2/": read: connection reset by peer', "network"),
        ('Get "https://r/v2/": net/http: TLS handshake timeout', "network"),
        ('Get "https://r/v2/": EOF', "network"),
        ("tls: failed to verify certificate: x509: signed by unknown authority", "certificate"),
        # this machine
        ("write /usr/lib/libcuda.so: no space left on device", "docker system df"),
        ('error mounting "/home/me/runs" to rootfs at "/work": permission denied', "rights"),
        ("bind source path does not exist: /runs", "same paths"),
        ("error setting rlimit type 8: operation not permitted", "LimitMEMLOCK"),
        ("No such image: r/i:1", "image list"),
        ("The command '/bin/sh -c pip install' returned a non-zero code: 1", "--ca FILE"),
        ("something new", "smallscale doctor"),
    ],
)
def test_a_fault_has_the_remedy_that_helps(said: str, helps: str) -> None:
    assert helps in remedy(said)
    assert helps in remedy(said.upper())
