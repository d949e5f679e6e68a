"""Where things are on this machine, found by the CLI so that nothing below it searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from smallscale_ci.config.rules import Rules
from smallscale_ci.config.seams import AUTO


@dataclass(frozen=True, slots=True)
class Service:
    """An OpenAI-compatible endpoint. The key never appears in any text."""

    url: str
    key: str = field(default="", repr=False)
    cache: Path | None = None  # folder of cached answers
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
    nonce: Callable[[], str]  # returns a new short random word each time, for names
    engine_python: Path | None = None
    service: Service | None = None  # of the LLM judge
    images: Path = Path("docker/images.lock.yaml")
    sandbox: str = AUTO  # in which generated programs run
    repository: Path | None = None  # its baselines folder, if that differs from ``baselines``
    rules: Rules | None = None  # the commit that fixes policy, suite, profile and baseline
    added: int = 0  # how many of the last ``roots`` only add to the rules

    @property
    def fixed(self) -> tuple[Path, ...]:
        """The roots that set the rules, and the only ones that policies come from."""
        return self.roots[: len(self.roots) - self.added]

    @property
    def makers(self) -> Settings:
        """The settings for making a candidate, before it is judged: the working tree first."""
        return replace(self, roots=self.roots[len(self.fixed) :] + self.fixed, added=0, rules=None)

    def root_of(self, spec: str) -> Path:
        """The root of the baseline ``spec``: another commit has its own."""
        return (self.repository or self.baselines) if spec.startswith("git:") else self.baselines
