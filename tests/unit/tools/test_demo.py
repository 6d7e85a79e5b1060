"""The demo customers and the table they are shown in."""

from __future__ import annotations

import os
import sys

from tools.demo import as_table, demo_customers


def customers_of(code: str) -> list[dict[str, object]]:
    return demo_customers(os.environ, [sys.executable, "-c", code])


def test_the_customers_are_read_from_the_knowledge_base() -> None:
    assert customers_of("""print('[{"name": "Amira"}]')""") == [{"name": "Amira"}]


def test_a_knowledge_base_that_fails_or_talks_nonsense_gives_no_customers() -> None:
    assert customers_of("raise SystemExit(1)") == []
    assert customers_of("print('hello')") == []
    assert customers_of("print('5')") == []


def test_a_table_has_aligned_columns_under_headings() -> None:
    rows = [{"name": "Amira", "order_numbers": ["1043", "1044"]}, {"name": "Bo", "order_numbers": []}]
    assert as_table(rows) == ["name   order numbers", "Amira  1043, 1044", "Bo"]


def test_no_rows_make_no_table() -> None:
    assert as_table([]) == []
