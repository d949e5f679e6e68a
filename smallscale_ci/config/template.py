"""What a suite or a profile passes to a chat template besides the messages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

SYSTEM = "system"  # among the template variables: the system message of tasks without their own


def _template_variables(found: dict[str, Any]) -> dict[str, Any]:
    for name, value in found.items():
        if name == SYSTEM and not isinstance(value, str | None):
            raise ValueError("system is the default system message, a string")
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            raise ValueError(
                f"{name} is the string '{value}', and a template treats every string as true; "
                "write it without quotes"
            )
    return found


def _scalar(value: Any) -> Any:
    """Refuse a list and a mapping in one sentence, instead of one for each type of the union."""
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "a mapping"
        raise ValueError(  # noqa: TRY004 - pydantic reports a ValueError
            f"must be true, false, a number or a string, not {kind}"
        )
    return value


# What the chat template gets besides the messages, and `system`, the default system message.
TemplateVariables = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
        Annotated[
            bool | int | Annotated[float, Field(allow_inf_nan=False)] | str | None,
            BeforeValidator(_scalar),
        ],
    ],
    AfterValidator(_template_variables),
]
