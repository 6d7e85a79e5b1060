"""The shop's own site, as far as the assistant knows it: it signs who is signed in there."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt

from tests.e2e.processes import IDENTITY_KEYS

KEY_NAME, KEY = IDENTITY_KEYS.split(":", 1)


def statement(email: str, *, key: str = KEY, name: str = KEY_NAME, **claims: Any) -> str:
    """What the site says of a customer who is signed in; `claims` take the place of the right ones."""
    now = int(time.time())
    right = {
        "aud": "frontdesk-identity",
        "email": email,
        "iat": now,
        "exp": now + 300,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode({**right, **claims}, key, algorithm="HS256", headers={"kid": name})
