"""The record of a stored baseline: ``baseline.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from smallscale_ci.files import Record, from_json, parse_json, to_json
from smallscale_ci.ids import slug
from smallscale_ci.records import Summary
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.run.records_json import summary_from_json, summary_json
from smallscale_ci.run.run import Recorded

SCHEMA_VERSION = "1"
HISTORY = "history"
RESTORE = "Restore it from git, or record it again."


@dataclass(frozen=True, slots=True)
class BaselineRecord(Record):
    """``baseline.json``."""

    suite: str
    profile: str
    model: str
    recorded: Recorded
    samples_sha256: str
    """Of the ``samples.parquet`` beside it."""
    summary: Summary
    manifest: Manifest
    schema_version: str = SCHEMA_VERSION

    @property
    def kept(self) -> PurePosixPath:
        """Its folder in the history after it has been replaced."""
        return PurePosixPath(HISTORY, slug(f"{self.recorded.at}-{self.recorded.run_id}"))

    def to_json(self) -> dict[str, Any]:
        """Its JSON form, without this machine's paths, since baselines go into git."""
        manifest = to_json(self.manifest)
        checkpoint = manifest["checkpoint"]
        del checkpoint["path"]
        if Path(checkpoint["source"]).is_absolute():
            checkpoint["source"] = Path(checkpoint["source"]).name
        return {
            "schema_version": self.schema_version,
            "suite": self.suite,
            "profile": self.profile,
            "model": self.model,
            "recorded": to_json(self.recorded),
            "samples_sha256": self.samples_sha256,
            "summary": summary_json(self.summary),
            "manifest": manifest,
        }


def parse(content: bytes, where: str) -> BaselineRecord:
    """A ``baseline.json`` with all its parts. Raises ``DataError`` and ``InvalidError``."""
    where = f"The baseline {where}"
    value = parse_json(content, where, RESTORE)
    parts: dict[str, Any] = {}
    if isinstance(value.get("manifest"), Mapping):
        parts["manifest"] = provenance.parse(value["manifest"], f"{where} (manifest)", RESTORE)
    if isinstance(value.get("summary"), Mapping):
        summary = {key: item for key, item in value["summary"].items() if key != "made_from"}
        parts["summary"] = summary_from_json(summary)
    return from_json(BaselineRecord, {**value, **parts}, where, RESTORE)
