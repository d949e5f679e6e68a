"""Whether two runs can be compared, by their manifests: what differs, and what of it counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from smallscale_ci.files import to_json
from smallscale_ci.records import Difference
from smallscale_ci.run.manifest import Manifest, shown

# Keys that change a sample's meaning make runs incomparable; the seed only changes the draw.
_COMPARED = (
    "suite.hash",
    "prompts.hash",
    "sampling.temperature",
    "sampling.top_p",
    "sampling.top_k",
    "sampling.min_p",
    "sampling.max_tokens",
    "sampling.stop",
    "judges",
    "engine.name",
    "engine.version",
    "engine.image",
    "engine.dtype",
    "engine.max_model_len",
    "engine.request",
    "template",
)


def differences(
    baseline: Manifest | None,
    candidate: Manifest | None,
    allow: Iterable[str],
    same: Iterable[str] = (),
    *,
    early: bool = False,
) -> tuple[Difference, ...]:
    """Every compared key that differs; empty for a bare file, which has no manifest.

    A key may differ if ``allow`` names it or a prefix (``engine`` allows all of it). GPU
    and serving stack may differ, and are only shown, unless ``same`` names them.
    ``early`` compares only what is known before the engine is loaded.
    """
    if baseline is None or candidate is None:
        return ()
    ours, theirs = to_json(candidate), to_json(baseline)
    left_open = set(unknown(baseline, candidate))
    allowed, required = tuple(allow), tuple(same)
    found = []
    for key in _keys(ours, theirs):
        late = key.startswith(("engine", "prompts")) and not _is_part(key)
        if key in left_open or (early and late):
            continue
        before, after = _recorded(theirs, key), _recorded(ours, key)
        if key == "prompts.hash" and baseline.prompts.parts.get(f"{candidate.epochs:g}") == after:
            continue  # of a run that ended within its first epoch
        if before != after:
            permitted = _is_named(key, allowed)
            found.append(Difference(key, _told(key, before), _told(key, after), permitted))
    for key in () if early else _stack(ours, theirs):
        before, after = _get(theirs, key), _get(ours, key)
        is_free = _is_named(key, allowed) or not _is_named(key, required)
        is_open = is_free and any(value in (None, "") for value in (before, after))
        if before != after and not is_open:
            found.append(Difference(key, shown(before), shown(after), is_free))
    return tuple(found)


def _is_named(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(name + ".") for name in names)


def _stack(ours: Any, theirs: Any) -> list[str]:
    """Differing keys of the stack: GPU model, attention backend, quantisation, batch limits, …."""
    names = {name for of in (ours, theirs) for name in _get(of, "engine.settings") or ()}
    return ["machine.device", *(f"engine.settings.{name}" for name in sorted(names))]


def unknown(baseline: Manifest | None, candidate: Manifest | None) -> tuple[str, ...]:
    """The compared keys that another tool's files do not record, on either side."""
    if baseline is None or candidate is None or baseline.tool is candidate.tool is None:
        return ()
    ours, theirs = to_json(candidate), to_json(baseline)
    keys = _keys(ours, theirs)
    return tuple(
        key for key in keys if any(_recorded(of, key) in (None, "") for of in (ours, theirs))
    )


def _recorded(value: Any, key: str) -> Any:
    """A compared key's value, for our own and other tools' runs."""
    tool = value.get("tool")
    if tool is None:
        return _get(value, key)
    return tool[key] if key in tool else _get(value, key) or None  # defaults are not recorded


def _told(key: str, value: Any) -> str:
    return "not set" if value is None and _is_part(key) else shown(value)


def _is_part(key: str) -> bool:
    return key.startswith(("template.", "engine.request."))


def _keys(ours: Any, theirs: Any) -> list[str]:
    """The compared keys, with one for each template variable and each part of a request."""
    found: list[str] = []
    for key in _COMPARED:
        if key in {"template", "engine.request"}:
            parts = {*(_get(ours, key) or ()), *(_get(theirs, key) or ())}
            found += [f"{key}.{part}" for part in sorted(parts)]
        else:
            found.append(key)
    more = [key for value in (ours, theirs) for key in value.get("tool") or ()]
    return list(dict.fromkeys((*found, *more)))


def _get(value: Any, key: str) -> Any:
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
