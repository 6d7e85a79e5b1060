"""Settings of the web channel, read once when Rasa starts."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from frontdesk.signing import (
    IDENTITY_KEYS_VARIABLE,
    SECRET_KEY_VARIABLE,
    SHORTEST_SECRET_KEY_BYTES,
    KeyRing,
    SigningError,
    call_secret,
    session_secret,
)

DEVELOPMENT_VARIABLE = "FRONTDESK_DEVELOPMENT"
SESSION_KEYS_VARIABLE = "FRONTDESK_SESSION_KEYS"
REDIS_VARIABLE = "FRONTDESK_REDIS_URL"
ACTIONS_URL_VARIABLE = "FRONTDESK_ACTIONS_URL"
MAX_CHARACTERS_VARIABLE = "FRONTDESK_MAX_MESSAGE_CHARACTERS"
IMAGES_VARIABLE = "FRONTDESK_IMAGES"
IMAGES_FOLDER_VARIABLE = "FRONTDESK_IMAGES_FOLDER"
DEFAULT_IMAGES_FOLDER = Path(__file__).resolve().parents[2] / "var" / "images"
REQUIRE_SESSION = "require_session"
_DERIVED_KEY = "derived"
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"", "0", "false", "no", "off"})


class WebSettingsError(ValueError):
    """A setting cannot be used; the message names it and says what to set it to."""


@dataclass(frozen=True)
class Limits:
    """How much one client may do.

    Parameters that count in a minute:
        messages: of one conversation.
        messages_address: from one address; an office or a phone network may share one.
        sessions_address: conversations begun from one address.
        requests: of one conversation, messages aside.
        pages_address: articles shown to one address.
    Parameters that count at the same time:
        streams: of one conversation.
        streams_address: to one address.
    """

    messages: int = 20
    messages_address: int = 120
    sessions_address: int = 30
    requests: int = 120
    pages_address: int = 120
    streams: int = 3
    streams_address: int = 40

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Limits:
        """FRONTDESK_LIMIT_MESSAGES and so on, one a field. Raises WebSettingsError."""
        given = {name: f"FRONTDESK_LIMIT_{name.upper()}" for name in cls.__dataclass_fields__}
        return cls(
            **{
                name: positive(environment, variable, getattr(cls, name))
                for name, variable in given.items()
                if environment.get(variable)
            }
        )


@dataclass(frozen=True)
class WebSettings:
    """What the channel needs to know about its surroundings.

    Parameters that control who may speak:
        require_session: whether a message needs a session's token.
        session_keys: sign the tokens. identity_keys: sign a host's statements of who is signed in; may be empty.
        token_seconds: how long a token is good; conversation_seconds: how long it can be renewed.
    Parameters that control its size: max_characters of a message, limits.
    Parameters that name other servers:
        redis_url: where several Rasa servers keep what they share; None for one that is alone.
        actions_url: the action server; calls_secret: what it wants to see.
        images_folder: where images that customers upload are kept; None: none are taken.
    """

    require_session: bool
    session_keys: KeyRing
    identity_keys: KeyRing
    calls_secret: str = field(repr=False)
    max_characters: int = 2000
    limits: Limits = field(default_factory=Limits)
    redis_url: Optional[str] = field(default=None, repr=False)
    actions_url: Optional[str] = None
    images_folder: Optional[Path] = None
    token_seconds: int = int(timedelta(days=1).total_seconds())
    conversation_seconds: int = int(timedelta(days=7).total_seconds())

    @classmethod
    def from_environment(
        cls, credentials: Optional[Mapping[str, Any]] = None, environment: Optional[Mapping[str, str]] = None
    ) -> WebSettings:
        """Settings of credentials.yml (`require_session`) and of the environment.

        A session is required unless credentials.yml or FRONTDESK_DEVELOPMENT=1 says otherwise. Raises WebSettingsError
        and SigningError.
        """
        variables = os.environ if environment is None else environment
        development = switched_on(variables, DEVELOPMENT_VARIABLE)
        said = (credentials or {}).get(REQUIRE_SESSION)
        if said is not None and not isinstance(said, bool):
            raise WebSettingsError(f"credentials.yml: {REQUIRE_SESSION} is true or false, not {said!r}")
        secret = variables.get(SECRET_KEY_VARIABLE, "").encode()
        if secret and len(secret) < SHORTEST_SECRET_KEY_BYTES:
            raise SigningError(f"{SECRET_KEY_VARIABLE} is too short: at least {SHORTEST_SECRET_KEY_BYTES} bytes")
        if not secret:
            if not development:
                raise SigningError(
                    f"set {SECRET_KEY_VARIABLE} (for example the output of `openssl rand -hex 32`), the same for the "
                    f"action server; for development, {DEVELOPMENT_VARIABLE}=1 does without"
                )
            secret = secrets.token_bytes(SHORTEST_SECRET_KEY_BYTES)
        own = KeyRing.parse(variables.get(SESSION_KEYS_VARIABLE, ""), SESSION_KEYS_VARIABLE)
        return cls(
            require_session=not development if said is None else said,
            session_keys=own or KeyRing({_DERIVED_KEY: session_secret(secret)}),
            identity_keys=KeyRing.parse(variables.get(IDENTITY_KEYS_VARIABLE, ""), IDENTITY_KEYS_VARIABLE),
            calls_secret=call_secret(secret),
            max_characters=positive(variables, MAX_CHARACTERS_VARIABLE, cls.max_characters),
            limits=Limits.from_environment(variables),
            redis_url=variables.get(REDIS_VARIABLE) or None,
            actions_url=variables.get(ACTIONS_URL_VARIABLE) or None,
            images_folder=_images_folder(variables),
        )

    def masked(self) -> Dict[str, Any]:
        """The settings for the log, without keys and passwords."""
        return {
            "require_session": self.require_session,
            "session_keys": list(self.session_keys.keys),
            "identity_keys": list(self.identity_keys.keys),
            "max_characters": self.max_characters,
            "limits": vars(self.limits),
            "shared_state": "redis" if self.redis_url else "memory",
            "actions_url": self.actions_url,
            "images_folder": self.images_folder,
        }


def _images_folder(environment: Mapping[str, str]) -> Optional[Path]:
    if not switched_on(environment, IMAGES_VARIABLE):
        return None
    return Path(environment.get(IMAGES_FOLDER_VARIABLE) or DEFAULT_IMAGES_FOLDER)


def switched_on(environment: Mapping[str, str], variable: str) -> bool:
    """Whether a switch is on; it is off where nothing is said. Raises WebSettingsError."""
    said = environment.get(variable, "").strip().lower()
    if said not in _ON | _OFF:
        raise WebSettingsError(f"{variable}={said} is neither 1 nor 0")
    return said in _ON


def positive(environment: Mapping[str, str], variable: str, default: int) -> int:
    """A whole number from 1 on. Raises WebSettingsError."""
    said = environment.get(variable, "").strip()
    if not said:
        return default
    if not said.isdigit() or int(said) < 1:
        raise WebSettingsError(f"{variable}={said} is no whole number from 1 on")
    return int(said)
