"""Principals: no half proofs, and none that outlive their expiry."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from knowledge_base.principal import NotVerified, Principal


@pytest.mark.parametrize(
    "parts",
    [
        {"customer_id": None, "role": "customer", "conversation_id": "chat"},
        {"customer_id": 1, "role": "customer", "conversation_id": None},
        {"customer_id": 1, "role": "customer", "conversation_id": "chat", "expires_at": None},
        {"customer_id": 1, "role": "operator", "conversation_id": None, "operator_name": "sam"},
        {"customer_id": None, "role": "operator", "conversation_id": None},
        {"customer_id": None, "role": "admin", "conversation_id": None, "operator_name": "sam"},
    ],
)
def test_half_a_proof_is_refused(parts: dict[str, Any], now: datetime) -> None:
    with pytest.raises(ValueError, match="principal"):
        Principal(**{"expires_at": now, **parts})


def test_a_proof_is_valid_until_it_expires(now: datetime) -> None:
    principal = Principal(customer_id=1, role="customer", conversation_id="chat", expires_at=now)
    principal.require_valid(now - timedelta(seconds=1))
    with pytest.raises(NotVerified):
        principal.require_valid(now)


def test_events_name_the_operator() -> None:
    assert Principal.operator("sam").actor == "operator:sam"
