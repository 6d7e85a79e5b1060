"""Counters in Prometheus' text format."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from frontdesk import metrics
from frontdesk.metrics import FAILURES, TURN_SECONDS, TURNS, exposition


def sample(name: str, **labels: str) -> float:
    """One value of what `/metrics` would show."""
    body, _ = exposition()
    for family in text_string_to_metric_families(body.decode()):
        for found in family.samples:
            if found.name == name and found.labels == labels:
                return float(found.value)
    return 0.0


def test_the_content_type_is_that_of_prometheus() -> None:
    assert exposition()[1].startswith("text/plain; version=")


def test_what_is_counted_is_shown() -> None:
    labels = {"channel": "of_a_test", "outcome": "answered"}
    before = sample("frontdesk_turns_total", **labels)

    TURNS.labels(**labels).inc()

    assert sample("frontdesk_turns_total", **labels) == before + 1


def test_a_label_with_quotes_is_escaped() -> None:
    kind = 'a "quoted"\nkind\\'
    FAILURES.labels(place="of_a_test", kind=kind).inc()

    assert sample("frontdesk_failures_total", place="of_a_test", kind=kind) == 1


def test_timings_have_buckets_from_fast_to_the_longest_turn() -> None:
    TURN_SECONDS.labels(channel="of_a_test").observe(0.3)

    assert sample("frontdesk_turn_seconds_bucket", channel="of_a_test", le="0.2") == 0
    assert sample("frontdesk_turn_seconds_bucket", channel="of_a_test", le="0.5") == 1
    assert sample("frontdesk_turn_seconds_bucket", channel="of_a_test", le="+Inf") == 1


@pytest.mark.parametrize("name", [name for name in vars(metrics) if name.isupper() and name != "CONTENT_TYPE_LATEST"])
def test_every_metric_has_the_projects_prefix_and_says_what_it_counts(name: str) -> None:
    [family] = vars(metrics)[name].describe()

    assert family.name.startswith("frontdesk_")
    assert len(family.documentation) > 10
