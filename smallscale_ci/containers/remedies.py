"""Remedies for the errors of container engines and registries."""

from __future__ import annotations

_REMEDIES = (  # the first that fits: what is more special comes first
    (
        ("unsatisfied condition: cuda", "driver/library version mismatch"),
        (
            "The NVIDIA driver does not fit: one that is older than the image's CUDA needs an "
            "update, one that was updated while it was loaded a restart of the machine."
        ),
    ),
    (
        (
            "could not select device driver",
            "nvidia-container",
            "runtime name: nvidia",
            "unresolvable cdi",
            "cdi device",
        ),
        (
            "The engine cannot give GPUs to containers: install the NVIDIA Container Toolkit and "
            "run `nvidia-ctk runtime configure --runtime=docker`; without GPUs use --profile "
            "vllm-cpu."
        ),
    ),
    (
        ("executable file not found",),
        "The image needs python3 and timeout in its PATH, and must let its user read them.",
    ),
    (
        ("no matching manifest", "exec format error"),
        "The image is not made for this machine's processor: use another image or machine.",
    ),
    (("container-init", "docker-init"), "Install the engine's init program: catatonit, or tini."),
    (
        ("rlimit",),
        "The engine may not set this limit: raise its service's (LimitMEMLOCK, LimitNOFILE).",
    ),
    (
        ("non-zero code",),
        (
            "The lines above say why. Behind a proxy give --ca FILE and --network host; packages "
            "that the index lacks go into --wheels FOLDER."
        ),
    ),
    (("no space left",), "Free disk space for the container engine: `docker system df` shows it."),
    (
        ("bind source path does not exist", "statfs"),
        (
            "The engine must see runs, models and cache under the same paths as smallscale does: "
            "if one of the two is in a container, mount these folders there, too."
        ),
    ),
    (
        (": permission denied",),
        (
            "The engine, or its containers' user, may not do this: check the rights of what is "
            "named. A rootless engine has its user's, and SELinux or AppArmor may take more away."
        ),
    ),
    (
        ("x509:", "certificate"),
        (
            "The engine does not trust the registry's certificate: give it the authority's, in "
            "/etc/docker/certs.d/HOST/ca.crt."
        ),
    ),
    (
        ("manifest unknown", "name unknown"),
        "The registry has no such image: correct its repository and tag in the image lock.",
    ),
    (("no such image", "not found"), "See `smallscale image list`."),
    (
        ("unauthorized", "denied", "authentication required", "toomanyrequests"),
        "Log in to the registry with `docker login`.",
    ),
    (
        (
            "connection refused",
            "connection reset",
            "no such host",
            "server misbehaving",
            "name resolution",
            "unreachable",
            "timeout",
            ": eof",
            "unexpected eof",
        ),
        "The registry cannot be reached: check the network.",
    ),
)


def remedy(cause: str) -> str:
    """The remedy for an error message of an engine or a registry."""
    low = cause.lower()
    for words, hint in _REMEDIES:
        if any(word in low for word in words):
            return hint
    return "`smallscale doctor` shows what the container engine can do."
