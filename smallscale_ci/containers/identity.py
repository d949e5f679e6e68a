"""The identity of an image, whichever store holds it.

An image's id is the digest of its configuration in docker's classic store and in podman's, and that
of its manifest in containerd's, which docker 29 uses on a fresh installation. All of them report
the same about what is inside: platform, layers (digests of their uncompressed content), and how it
runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_PLATFORM = ("Os", "Architecture", "Variant")
_RUNS = (
    *("User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "ExposedPorts", "Volumes"),
    *("StopSignal", "Shell"),
)


def content(inspected: Mapping[str, Any]) -> str:
    """A digest of the image's content, from what an engine's API reports about it.

    Engines write unset values as null, as an empty value, or not at all. Empty for an image without
    layers: a containerd store holds such images for other platforms.
    """
    layers = (inspected.get("RootFS") or {}).get("Layers") or []
    if not layers:
        return ""
    config = inspected.get("Config") or {}
    value = {
        "platform": {key: inspected[key] for key in _PLATFORM if inspected.get(key)},
        "layers": layers,
        "runs": {key: config[key] for key in _RUNS if config.get(key)},
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
