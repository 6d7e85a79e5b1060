"""What is signed between a host's site, the channel and the action server: keys that can be changed, and statements.

A key ring is written `NAME:SECRET,NAME:SECRET`. The first key signs, all of them are accepted: to change a key, put the
new one in front, and take the old one out once nothing signed with it is valid any more.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import jwt

IDENTITY_KEYS_VARIABLE = "FRONTDESK_IDENTITY_KEYS"
SECRET_KEY_VARIABLE = "FRONTDESK_SECRET_KEY"
ALGORITHM = "HS256"
SHORTEST_SECRET_BYTES = 32  # as long as the digest: RFC 7518, section 3.2
SHORTEST_SECRET_KEY_BYTES = 16  # of FRONTDESK_SECRET_KEY, as the knowledge base wants it
IDENTITY_AUDIENCE = "frontdesk-identity"
LONGEST_STATEMENT_SECONDS = 600
SHORTEST_STATEMENT_ID = 16
LONGEST_STATEMENT_ID = 128
CLOCK_DIFFERENCE_SECONDS = 30  # between the host's servers and ours
_CALLS = b"frontdesk: calls of the channel to the action server"
_SESSIONS = b"frontdesk: tokens of sessions"


class SigningError(ValueError):
    """Keys cannot be used; the message names the variable and says what to set it to."""


class NotSigned(Exception):
    """A token or statement is forged, expired, or of the wrong form."""


@dataclass(frozen=True)
class KeyRing:
    """Named keys, the signing one first. Without any, nothing can be signed and nothing is accepted."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str, variable: str) -> KeyRing:
        """The keys in `text`; none where it is empty. Raises SigningError."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, colon, secret = entry.partition(":")
            if not colon or not name or name in keys:
                raise SigningError(f"{variable}: expected NAME:SECRET,NAME:SECRET with different names")
            if len(secret.encode()) < SHORTEST_SECRET_BYTES:
                raise SigningError(f"{variable}: key {name} is too short: at least {SHORTEST_SECRET_BYTES} bytes")
            keys[name] = secret.encode()
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The claims as a JWT under the first key. Raises SigningError where there is no key."""
        for name, secret in self.keys.items():
            return jwt.encode(dict(claims), secret, algorithm=ALGORITHM, headers={"kid": name})
        raise SigningError("there is no key to sign with")

    def read(self, token: str, audience: str, required: tuple[str, ...], now: datetime) -> Mapping[str, Any]:
        """The claims of a token that one of the keys has signed, whose time has come and is not over.

        Raises NotSigned.
        """
        try:
            secret = self.keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if secret is None:
                raise NotSigned("unknown key")
            # Times are compared below, with the clock that was handed in.
            claims: dict[str, Any] = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=audience,
                options={
                    "require": ["aud", "iat", "exp", *required],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise NotSigned(type(error).__name__) from error
        for name in ("iat", "exp"):
            if not isinstance(claims[name], int) or isinstance(claims[name], bool):
                raise NotSigned(f"{name} is not in whole seconds")
        seconds = now.timestamp()
        if seconds >= claims["exp"]:
            raise NotSigned("expired")
        if claims["iat"] > seconds + CLOCK_DIFFERENCE_SECONDS:
            raise NotSigned("signed in the future")
        return claims


@dataclass(frozen=True)
class Statement:
    """Who is signed in on the host's site, as its server says."""

    email: str
    id: str
    expires_at: datetime


def read_statement(keys: KeyRing, text: str, now: datetime) -> Statement:
    """A host's statement, checked: signature, audience, at most ten minutes of life, an id of its own.

    Raises NotSigned.
    """
    claims = keys.read(text, IDENTITY_AUDIENCE, ("email", "jti"), now)
    email, name = claims["email"], claims["jti"]
    if not isinstance(email, str) or not email.strip():
        raise NotSigned("email is no text")
    if not isinstance(name, str) or not SHORTEST_STATEMENT_ID <= len(name) <= LONGEST_STATEMENT_ID:
        raise NotSigned("jti is no text of 16 to 128 characters")
    if claims["exp"] - claims["iat"] > LONGEST_STATEMENT_SECONDS:
        raise NotSigned("good for longer than ten minutes")
    return Statement(email, name, datetime.fromtimestamp(claims["exp"], timezone.utc))


def call_secret(secret_key: bytes) -> str:
    """What the channel shows the action server, derived from the secret key that both have."""
    return hmac.new(secret_key, _CALLS, hashlib.sha256).hexdigest()


def session_secret(secret_key: bytes) -> bytes:
    """The key of session tokens where none is set, derived from the secret key."""
    return hmac.new(secret_key, _SESSIONS, hashlib.sha256).digest()
