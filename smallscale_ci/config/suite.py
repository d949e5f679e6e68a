"""A suite: its tasks, how they are asked, sampled and judged."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from smallscale_ci.config.base import Config, Fraction, Name, NamedConfig
from smallscale_ci.config.names import OneOf
from smallscale_ci.config.seams import JUDGES, RULES
from smallscale_ci.config.secret import refuse_secrets
from smallscale_ci.config.template import TemplateVariables

Column = Literal["question", "gold", "choices", "tests", "cluster", "meta"]
Counted = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]]  # (count, total)
_ARGUMENTS = re.compile(r"\w(\{[^{}]*\})+")
PLACEHOLDERS = ("question", "choices")  # placeholders of prompt templates


class SamplingConfig(Config):
    """Sampling parameters of a suite; all are always sent to the engine."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Field(ge=0)] = 0
    min_p: Fraction = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 32768
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    stop: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_what_engines_do(self) -> Self:
        if 0 < self.temperature < 0.01:  # vLLM would raise it to 0.01 unrecorded
            raise ValueError("temperature: use 0 (greedy) or at least 0.01")
        return self


class MeasuredConfig(Config):
    """A judge's counts on labelled answers, as ``smallscale judge FILE --labelled`` prints them."""

    right: Counted  # (accepted, right answers)
    wrong: Counted  # (rejected, wrong answers)

    @model_validator(mode="after")
    def _is_better_than_chance(self) -> Self:
        for name, (count, of) in (("right", self.right), ("wrong", self.wrong)):
            if count > of:
                raise ValueError(f"{name}: {count} of {of} is more than all of them")
        if self.right[0] / self.right[1] + self.wrong[0] / self.wrong[1] <= 1:
            raise ValueError("this judge is no better than chance: nothing can correct it")
        return self


class JudgeConfig(Config):
    """Which judge, and where it may look for the answer, in order of preference."""

    name: Annotated[str, OneOf.of(table=JUDGES)]
    extract: tuple[Literal["boxed", "stated", "last-number", "letter"], ...] = ("boxed", "stated")
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    model: str = ""  # llm: the model to ask, by its name at the service
    request: dict[str, Any] = {}  # llm: more fields of each request; null removes a default
    rule: Annotated[str, OneOf.of(table=RULES)] | None = (
        None  # llm: count its agreement with this judge
    )
    measured: MeasuredConfig | None = None  # llm: its errors, which correct the accuracy

    @model_validator(mode="after")
    def _only_who_asks_has_a_model(self) -> JudgeConfig:
        asks = JUDGES[self.name].asks
        if asks and not self.model:
            raise ValueError(f"the judge '{self.name}' needs the name of its model")
        if not asks and (self.model or self.request or self.rule or self.measured):
            raise ValueError("model, request, rule and measured are options of an LLM judge only")
        refuse_secrets("request", self.request)
        return self


class PromptConfig(Config):
    """Chat messages of a task. Only ``user`` has placeholders: ``{question}``, ``{choices}``."""

    system: str | None = None
    user: str = "{question}"
    examples: tuple[tuple[str, str], ...] = ()  # (user, assistant) turns shown first, verbatim

    @field_validator("user")
    @classmethod
    def _placeholders_are_known(cls, user: str) -> str:
        # Braces after a word or a command are LaTeX arguments, \frac{a}{b}, not placeholders.
        for word in re.findall(r"\{(\w+)\}", _ARGUMENTS.sub("", user)):
            if word not in PLACEHOLDERS:
                known = " and ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise ValueError(f"unknown placeholder {{{word}}}; known are {known}")
        if "{question}" not in user:
            raise ValueError("must contain {question}")
        return user


def _allow_from(schema: dict[str, Any]) -> None:
    """Files may write ``from: SUITE[/TASK]``; the loader puts that task's settings in its place."""
    schema["properties"]["from"] = {"type": "string", "title": "From"}
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["from"]}]


class SkippedRow(Config):
    """A row of a published file that cannot be used, counted from 1, and why."""

    row: Annotated[int, Field(ge=1)]
    reason: Annotated[str, Field(min_length=1)]


class TaskConfig(Config):
    """One task of a suite: where its problems are, and how they are asked and judged."""

    model_config = ConfigDict(json_schema_extra=_allow_from)

    name: Name
    # A file beside the suite's YAML or an absolute path, package:NAME.parquet, or what has to be
    # pulled: toolkit:KIND/NAME, hf:ORG/NAME@REVISION/FILE, a URL.
    source: str
    sha256: str | None = None  # pin of the source file
    blob: str | None = None  # pin by git's blob id, where the sha256 is not known
    format: Literal["rows", "toolkit", "livecodebench"] = "rows"
    columns: dict[Column, str] = {}  # our column → the source's name for it
    skip: tuple[SkippedRow, ...] = ()  # rows of the pinned file that cannot be used
    gold_index: Literal[0, 1] | None = None  # golds are positions of choices, counted from this
    repeats: Annotated[int, Field(ge=0)] = 1  # copies of each problem in the source; 0: any number
    limit: Annotated[int, Field(ge=1)] | None = None  # most problems, a fixed random choice
    prompt: PromptConfig = PromptConfig()
    judge: JudgeConfig
    metric: Literal["accuracy", "avg@k", "pass@k", "maj@k"] = "accuracy"
    epochs: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="after")
    def _skips_rows_of_one_file(self) -> TaskConfig:
        if self.skip and not (self.sha256 or self.blob):
            raise ValueError("skip numbers the rows of one file: pin it with sha256 or blob")
        if len({skipped.row for skipped in self.skip}) < len(self.skip):
            raise ValueError("skip lists a row twice")
        return self


class SuiteConfig(NamedConfig):
    """``configs/suites/NAME.yaml``."""

    folder: ClassVar[str] = "suites"
    kind: ClassVar[str] = "suite"

    gate: Name = "default"
    reference: dict[str, str] = {}  # profile → model whose baseline `auto` falls back to
    sampling: SamplingConfig = SamplingConfig()
    template: TemplateVariables = {}
    tasks: Annotated[tuple[TaskConfig, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _task_names_differ(self) -> SuiteConfig:
        names = [task.name for task in self.tasks]
        if len(set(names)) != len(names):
            raise ValueError("two tasks of the suite have the same name")
        return self
