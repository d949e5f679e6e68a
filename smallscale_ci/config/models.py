"""The configuration files as frozen models: data and constraints, no behaviour.

One model per folder under ``configs/``: ``SuiteConfig``, ``EngineProfile``, ``GatePolicy``.
``config.load`` turns YAML into them; ``smallscale schema`` prints their JSON schemas.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self, assert_never

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from smallscale_ci.config import engine_args as passed
from smallscale_ci.config.measured import MeasuredConfig
from smallscale_ci.config.names import OneOf
from smallscale_ci.config.seams import AUTO, JUDGES, RUNTIMES
from smallscale_ci.records import Metric
from smallscale_ci.worker.engines.registry import ENGINES, EngineKind

Fraction = Annotated[float, Field(ge=0, le=1)]
Alpha = Annotated[float, Field(gt=0, lt=0.5)]
Margin = Annotated[float, Field(gt=0, le=1)]  # of a rate
Growth = Annotated[float, Field(gt=0, le=10)]  # of a length
Finite = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Column = Literal["question", "gold", "choices", "tests", "cluster", "meta"]

_RULES = [name for name, judge in JUDGES.items() if judge.rule]
_STACK = re.compile(r"machine\.device|engine\.settings(\.\w+)?")
PLACEHOLDERS = ("question", "choices")  # what a prompt template may ask for
SYSTEM = "system"  # among the template variables: the system message of tasks without their own


def _template_variables(found: dict[str, Any]) -> dict[str, Any]:
    for name, value in found.items():
        if name == SYSTEM and not isinstance(value, str | None):
            raise ValueError("system is the default system message, a string")
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            raise ValueError(
                f"{name} is the string '{value}', and a template takes every string for true; "
                "write it without quotes"
            )
    return found


# What the chat template gets besides the messages, and `system`, the default system message.
TemplateVariables = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
        bool | int | Annotated[float, Field(allow_inf_nan=False)] | str | None,
    ],
    AfterValidator(_template_variables),
]


class Config(BaseModel):
    """Base of all configuration models: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NamedConfig(Config):
    """A model that is a file: ``configs/<folder>/<name>.yaml``; ``kind`` is what people call it."""

    folder: ClassVar[str]
    kind: ClassVar[str]

    name: Name
    description: str = ""


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
        if 0 < self.temperature < 0.01:  # vLLM raises it to 0.01, and the manifest would not know
            raise ValueError("temperature: use 0 (greedy) or at least 0.01")
        return self


class JudgeConfig(Config):
    """Which judge, and where it may look for the answer, in order of preference."""

    name: Annotated[str, OneOf.of(table=JUDGES)]
    extract: tuple[Literal["boxed", "stated", "last-number", "letter"], ...] = ("boxed", "stated")
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    model: str = ""  # llm: the model that is asked, as its service calls it
    request: dict[str, Any] = {}  # llm: more of each request; null takes a default out
    rule: Annotated[str, OneOf.of(table=_RULES)] | None = (
        None  # llm: count its agreement with this judge
    )
    measured: MeasuredConfig | None = None  # llm: its errors, which correct the accuracy

    @model_validator(mode="after")
    def _only_who_asks_has_a_model(self) -> JudgeConfig:
        asks = JUDGES[self.name].asks
        if asks and not self.model:
            raise ValueError(f"the judge '{self.name}' needs the name of its model")
        if not asks and (self.model or self.request or self.rule or self.measured):
            raise ValueError("model, request, rule and measured are options of an LLM judge alone")
        passed.refuse_secrets("request", self.request)
        return self


class PromptConfig(Config):
    """Chat messages of a task. ``{question}`` and ``{choices}`` are filled in in ``user`` alone."""

    system: str | None = None
    user: str = "{question}"
    examples: tuple[tuple[str, str], ...] = ()  # (user, assistant) turns shown first, as they are

    @field_validator("user")
    @classmethod
    def _placeholders_are_known(cls, user: str) -> str:
        # Braces after a word or a command are LaTeX arguments, \boxed{answer}, not placeholders.
        for word in re.findall(r"(?<!\w)\{(\w+)\}", user):
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
    """One task of a suite: where its problems are, how they are asked and judged."""

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
    repeats: Annotated[int, Field(ge=0)] = 1  # how often the source has each problem; 0: any number
    limit: Annotated[int, Field(ge=1)] | None = None  # a fixed random choice of so many problems
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


class ContainerConfig(Config):
    """What one container of the docker runtime may use."""

    memory_gib: Finite | None = None  # None: the ranks share 9/10 of all
    shm_gib: Finite = 8.0
    pids: Annotated[int, Field(ge=16)] = 4096
    deadline_h: Finite = 24.0  # a container ends then, whoever watches it


class EngineProfile(NamedConfig):
    """``configs/engines/PROFILE.yaml``: a named, complete engine configuration."""

    folder: ClassVar[str] = "engines"
    kind: ClassVar[str] = "engine profile"

    engine: Annotated[str, OneOf.of(table=ENGINES)]
    runtime: Annotated[str, OneOf.of(AUTO, table=RUNTIMES)] = AUTO
    environment: Name | None = None  # local runtime: .envs/NAME, made from requirements/NAME.txt
    image: Name | None = None  # docker runtime: a name in docker/images.lock.yaml
    ranks: Annotated[int, Field(ge=1, le=1024)] = 1
    ranks_per_gpu: Annotated[int, Field(ge=1, le=64)] = 1  # where --gpus names them
    tensor_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    order: Literal["longest-first", "shuffle", "as-is"] = "longest-first"
    max_in_flight: Annotated[int, Field(ge=1)] = 256  # requests an engine holds at once, per rank
    start_timeout_s: Annotated[float, Field(gt=0)] = 900.0
    stall_timeout_s: Annotated[float, Field(gt=0)] = (
        600.0  # no completion from any rank for this long
    )
    deterministic: bool = False
    trust_remote_code: bool = False
    start: Literal["together", "one-by-one"] = "together"  # one-by-one: ranks that share a GPU
    logprobs: bool = False  # keep the log-probability of every generated token
    price_per_gpu_hour: Annotated[float, Field(ge=0)] | None = None
    engine_args: dict[str, Any] = {}  # passed to the engine as they are
    template: TemplateVariables = {}  # these win over the suite's
    env: dict[str, str] = {}  # environment of the engine processes
    container: ContainerConfig = ContainerConfig()

    @property
    def engine_kind(self) -> EngineKind:
        """What the engine is."""
        return ENGINES[self.engine]

    @property
    def asked(self) -> dict[str, Any]:
        """Of a service's ``engine_args`` those that change what is asked, or how."""
        asked = self.engine_kind.asked
        return {name: self.engine_args[name] for name in asked if name in self.engine_args}

    @model_validator(mode="after")
    def _passes_only_what_may_be_passed(self) -> EngineProfile:
        passed.refuse_other_weights(self.engine_args)
        passed.refuse_unknown(self.engine_kind, self.engine_args)
        for name in ("engine_args", "env", "template"):
            passed.refuse_secrets(name, getattr(self, name))
        return self


class Margins(Config):
    """Largest tolerated worsening by metric; ``None``: the metric is shown but not gated."""

    accuracy: Margin | None = 0.02  # absolute: 0.02 is two points
    tokens: Growth | None = 0.05  # relative growth of the mean
    truncation: Margin | None = 0.01
    thinking: Growth | None = None  # tokens before the answer
    answer: Growth | None = None  # tokens of the answer
    looping: Margin | None = None  # completions that end in a loop
    missing: Margin | None = None  # completions without an answer: UNPARSED or TRUNCATED

    def any(self) -> bool:
        """Whether any metric is gated."""
        return any(self.of(metric) for metric in Metric)

    def of(self, metric: Metric) -> float | None:  # noqa: PLR0911 - a case for each metric
        """The margin of ``metric``."""
        match metric:
            case Metric.ACCURACY:
                return self.accuracy
            case Metric.TOKENS:
                return self.tokens
            case Metric.TRUNCATION:
                return self.truncation
            case Metric.THINKING:
                return self.thinking
            case Metric.ANSWER:
                return self.answer
            case Metric.LOOPING:
                return self.looping
            case Metric.MISSING:
                return self.missing
            case unknown:
                assert_never(unknown)


class MonitorConfig(Config):
    """What the thinking of a candidate must still contain: shown, never gated."""

    steps: Name | None = None  # key of the problems' meta that lists texts, each of them needed
    patterns: tuple[str, ...] = ()  # regular expressions, each of which must be found
    model: str = ""  # asked at the judge endpoint, about the first answer to each problem

    @model_validator(mode="after")
    def _is_one_rule(self) -> MonitorConfig:
        if sum(map(bool, (self.steps, self.patterns, self.model))) != 1:
            raise ValueError("give one of steps, patterns and model")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error
        return self


class GatePolicy(NamedConfig):
    """``configs/gates/NAME.yaml``: what the gate tolerates and with which error rates."""

    folder: ClassVar[str] = "gates"
    kind: ClassVar[str] = "gate policy"

    alpha_pass: Alpha = 0.05
    alpha_fail: Alpha = 0.01
    tolerated: Annotated[float, Field(ge=0, le=1)] = 0.25  # share of a margin that may be lost
    margins: Margins = Margins()
    task_margins: dict[str, Margins] = {}  # task → margins that replace the general ones
    gated: Literal["tasks", "mean"] = "tasks"
    tokens_direction: Literal["increase", "band"] = "increase"
    max_epochs: Annotated[int, Field(ge=1, le=64)] = 4
    looks_per_epoch: Literal[1, 2, 4] = 1  # fewer in tasks of few problems
    on_inconclusive: Literal["extend", "fail", "warn"] = "extend"
    min_judged: Fraction = 0.99  # share of planned samples that must not be ERRORED or missing
    allow: tuple[str, ...] = ()  # manifest keys that may differ
    # Keys that must not differ, of those that otherwise are only shown: machine.device,
    # engine.settings, engine.settings.NAME.
    same: tuple[str, ...] = ()
    monitor: MonitorConfig | None = None  # of candidates: what pruned thinking must still contain

    @field_validator("same")
    @classmethod
    def _can_be_required(cls, same: tuple[str, ...]) -> tuple[str, ...]:
        for key in same:
            if not _STACK.fullmatch(key):
                raise ValueError(
                    f"'{key}' cannot be required; known are machine.device, engine.settings and "
                    "engine.settings.NAME"
                )
        return same

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> GatePolicy:
        every = (self.margins, *self.task_margins.values())
        on = [margins.any() for margins in every]
        if not any(on):
            raise ValueError("all margins are off, so the policy gates nothing")
        if self.gated == "mean" and not on[0]:
            raise ValueError(
                "gated: mean asks the mean over tasks to pass, but all of its margins are off: "
                "give one under margins, or say gated: tasks"
            )
        extends = self.on_inconclusive == "extend" or "max_epochs" not in self.model_fields_set
        if self.max_epochs > 1 and not extends:
            raise ValueError(
                f"on_inconclusive: {self.on_inconclusive} ends after one look, but max_epochs "
                f"is {self.max_epochs}; say extend, or leave max_epochs out"
            )
        return self


class RunConfig(NamedConfig):
    """``config.yaml`` of a run folder: all that was resolved; running it again needs no more."""

    folder: ClassVar[str] = "runs"
    kind: ClassVar[str] = "run configuration"

    model: str
    suite: SuiteConfig
    suite_folder: str  # where the suite's relative sources are
    profile: EngineProfile
    gate: GatePolicy
    baseline: str  # as --baseline takes it; "none" for a run that is not compared
    epochs: Annotated[int, Field(ge=1)]  # of the suite; so many before the first decision
    max_epochs: Annotated[int, Field(ge=1)]
    token_budget: Annotated[int, Field(ge=1)] | None = None  # no epoch begins that would exceed it
    time_budget_min: Annotated[float, Field(gt=0)] | None = None
    gpus: tuple[str, ...] = ()
    limit: Annotated[int, Field(ge=1)] | None = None  # problems of each task: a trial, no verdict
    overrides: tuple[str, ...] = ()  # what --set replaced in suite, profile and gate
    rules: str = ""  # the commit that suite, profile, gate and baseline were read from
