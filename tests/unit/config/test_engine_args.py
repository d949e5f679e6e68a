import pytest

from smallscale_ci.config.load import parse
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.errors import ConfigError


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(EngineProfile, f"name: e\n{text}", "e.yaml")
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "//host/v1", "ftp://host", "http://", "8000"])
def test_a_base_url_without_a_scheme_is_refused_when_it_is_read(url):
    assert "has no scheme" in problems(f"engine: openai\nengine_args: {{base_url: '{url}'}}")
