"""brand.yml: what it gives, and what it says when a field is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from frontdesk.brand import DEFAULT_BRAND_FILE, BrandError, UnknownPlaceholder, load_brand

VALID = yaml.safe_load(DEFAULT_BRAND_FILE.read_text(encoding="utf-8"))


def write(folder: Path, content: dict[str, object]) -> Path:
    file = folder / "brand.yml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


def test_the_projects_brand_is_valid_and_fills_every_placeholder() -> None:
    brand = load_brand()

    assert brand.hours.text == "Mon-Fri 8:00-20:00, Sat 9:00-17:00"
    text = brand.fill("{{shop_name}} {{ support_email }} {{support_phone}} {{support_hours}} {{site_url}}")
    assert text == " ".join([brand.name, brand.support_email, brand.support_phone, brand.hours.text, brand.site_url])


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(UnknownPlaceholder, match="shop_nam"):
        load_brand().fill("Welcome to {{shop_nam}}")


def test_single_braces_are_left_alone() -> None:
    assert load_brand().fill("{order_number} and {{currency_symbol}}5") == "{order_number} and £5"


@pytest.mark.parametrize("field", [name for name in VALID if name != "holidays"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    content = {name: value for name, value in VALID.items() if name != field}

    with pytest.raises(BrandError, match=f"field '{field}'"):
        load_brand(write(tmp_path, content))


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("support_email", "help at shop", "support_email"),
        ("site_url", "shop.example", "site_url"),
        ("currency", "pounds", "currency"),
        ("colour", "green", "colour"),
        ("language", "English", "language"),
        ("timezone", "Europe/Leeds", "timezone"),
        ("support_phone", 1134960210, "support_phone"),
        ("hours", {"mon": [480, 1200]}, "hours.mon"),
        ("hours", {"mon": ["20:00", "8:00"]}, "hours.mon"),
        ("hours", {"monday": ["8:00", "20:00"]}, "hours.monday"),
        ("hours", {}, "hours"),
        ("holidays", ["Christmas"], r"holidays\[0\]"),
        ("color", "#123456", "color"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_field(
    tmp_path: Path, field: str, value: object, named: str
) -> None:
    with pytest.raises(BrandError, match=f"field '{named}'"):
        load_brand(write(tmp_path, {**VALID, field: value}))


def test_a_missing_file_and_broken_yaml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrandError, match="no such file"):
        load_brand(tmp_path / "none.yml")
    broken = tmp_path / "broken.yml"
    broken.write_text("name: [", encoding="utf-8")
    with pytest.raises(BrandError, match="not valid YAML"):
        load_brand(broken)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_BRAND_FILE", str(write(tmp_path, {**VALID, "name": "Another Shop"})))

    assert load_brand().name == "Another Shop"
