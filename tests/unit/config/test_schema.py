import pytest

from smallscale_ci.config.schema import MODELS, schema
from smallscale_ci.errors import UsageError


@pytest.mark.parametrize("name", MODELS)
def test_schema_names_every_field_and_forbids_others(name: str) -> None:
    found = schema(name)
    assert set(found["properties"]) == set(MODELS[name].model_fields)
    assert found["additionalProperties"] is False
    assert found["$schema"].endswith("2020-12/schema")


def test_unknown_schema() -> None:
    with pytest.raises(UsageError, match=r"'suits' \(did you mean 'suite'\?\)"):
        schema("suits")
