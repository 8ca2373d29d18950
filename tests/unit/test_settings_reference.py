from __future__ import annotations

import pytest

from tools import settings_reference
from unbroken.config import Settings


def test_the_reference_is_up_to_date() -> None:
    assert settings_reference.FILE.read_text() == settings_reference.render(), "run `make docs`"


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_described_and_in_the_reference(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    assert field.description.endswith(".")
    rows = [row for row in settings_reference.render().splitlines() if field.description in row.replace(r"\|", "|")]
    assert len(rows) == 1
    for variable in settings_reference.variables(name, field):
        assert f"`{variable}`" in rows[0]


def test_every_setting_can_be_set_by_the_variable_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBROKEN_LEASE", "77")
    monkeypatch.setenv("HUGGINFACE_INFERENCE_TOKEN", "sic")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert settings.lease == 77
    assert settings.hf_token
    assert settings.hf_token.get_secret_value() == "sic"
