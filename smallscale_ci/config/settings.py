"""Where things are on this machine: what the CLI found out, and nothing below it looks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from smallscale_ci.config.rules import Rules


@dataclass(frozen=True, slots=True)
class Service:
    """An OpenAI-compatible endpoint. The key is kept out of every text."""

    url: str
    key: str = field(default="", repr=False)
    cache: Path | None = None  # folder of answers that were given before
    concurrency: int = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are on this machine. Made by the CLI, which alone reads the environment."""

    roots: tuple[Path, ...]  # of configurations
    cache: Path
    environments: Path  # .envs
    runs: Path
    baselines: Path
    environment: Mapping[str, str]
    now: Callable[[], datetime]  # the time, in UTC
    nonce: Callable[[], str]  # another short random word each time, for names
    engine_python: Path | None = None
    service: Service | None = None  # that language models judge with
    images: Path = Path("docker/images.lock.yaml")
    sandbox: str = "auto"  # that judged programs run in
    repository: Path | None = None  # its baselines folder, where that differs from ``baselines``
    rules: Rules | None = None  # the commit that fixes policy, suite, profile and baseline
    added: int = 0  # the last so many of ``roots`` only add to the rules

    @property
    def fixed(self) -> tuple[Path, ...]:
        """The roots that set the rules, and the only ones that policies come from."""
        return self.roots[: len(self.roots) - self.added]

    @property
    def makers(self) -> Settings:
        """The settings for what is made before anything is judged: the working tree comes first."""
        return replace(self, roots=self.roots[len(self.fixed) :] + self.fixed, added=0, rules=None)

    def root_of(self, spec: str) -> Path:
        """Where the baseline ``spec`` is: another commit has its own, whatever lies here now."""
        return (self.repository or self.baselines) if spec.startswith("git:") else self.baselines
