"""What a suite or a profile passes to a chat template besides the messages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

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


# What the chat template gets besides the messages, and `system`, the default system message.
TemplateVariables = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
        bool | int | Annotated[float, Field(allow_inf_nan=False)] | str | None,
    ],
    AfterValidator(_template_variables),
]
