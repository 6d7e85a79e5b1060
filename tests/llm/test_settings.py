"""The component's settings: read from the environment, checked, shown without secrets, documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_component.settings import Settings, SettingsError, as_table

ROOT = Path(__file__).resolve().parents[2]


def test_defaults_work_without_any_variable() -> None:
    assert Settings.from_environment({}) == Settings()


def test_each_kind_of_value_is_read() -> None:
    said = {
        "FRONTDESK_LLM_MODEL": " upstream:http://gpu:8000/ ",
        "FRONTDESK_LLM_MAX_ROWS": "4",
        "FRONTDESK_LLM_CACHE_SECONDS": "1.5",
        "FRONTDESK_LLM_SPECULATION": "No",
    }
    settings = Settings.from_environment(said)
    assert (settings.upstream_url, settings.max_rows, settings.cache_seconds, settings.speculation) == (
        "http://gpu:8000",
        4,
        1.5,
        False,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENGINE", "turbo"),
        ("DTYPE", "float64"),
        ("QUANTIZATION", "2bit"),
        ("MODEL", "upstream:gpu:8000"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "http"),
        ("MAX_ROWS", "-1"),
        ("MAX_ROWS", "2.5"),
        ("CACHE_SECONDS", "soon"),
        ("CACHE_SECONDS", "-5"),
        ("CACHE_SECONDS", "nan"),
        ("DRAIN_SECONDS", "inf"),
        ("SUPPORT_THRESHOLD", "nan"),
        ("SUPPORT_THRESHOLD", "1.5"),
        ("SPECULATION", "maybe"),
    ],
)
def test_what_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"FRONTDESK_LLM_{variable}"):
        Settings.from_environment({f"FRONTDESK_LLM_{variable}": value})


def test_adapters_are_read_by_name() -> None:
    assert Settings(adapters="a=/x, b = /y").adapter_folders() == {"a": "/x", "b": "/y"}


@pytest.mark.parametrize("written", ["/x", "a=", "=x", "a=/x,b"])
def test_an_adapter_without_name_or_folder_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_LLM_ADAPTERS"):
        Settings(adapters=written).adapter_folders()


def test_secrets_are_masked_where_settings_are_shown() -> None:
    shown = Settings(secret="sesame", upstream_key="sk-1").shown()
    assert "sesame" not in str(shown) and "sk-1" not in str(shown)
    assert shown["secret"] == shown["upstream_key"] == "***"


def test_the_guide_lists_every_setting() -> None:
    assert as_table() in (ROOT / "docs" / "llm.md").read_text(encoding="utf-8")
