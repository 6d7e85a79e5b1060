"""Settings of the web channel: what is safe is what one gets without saying anything."""

from __future__ import annotations

from typing import Any

import pytest

from frontdesk.signing import SigningError
from rasa_addons.web.settings import Limits, WebSettings, WebSettingsError

SECRET = {"FRONTDESK_SECRET_KEY": "a secret key that only tests use"}
LONG = "x" * 32


def settings(credentials: dict[str, Any] | None = None, **environment: str) -> WebSettings:
    return WebSettings.from_environment(credentials, {**SECRET, **environment})


def test_a_session_is_required_unless_a_setting_says_development() -> None:
    assert settings().require_session
    assert settings(FRONTDESK_DEVELOPMENT="0").require_session
    assert not settings(FRONTDESK_DEVELOPMENT="1").require_session
    assert settings({"require_session": True}, FRONTDESK_DEVELOPMENT="1").require_session
    assert not settings({"require_session": False}).require_session


def test_without_a_secret_key_only_development_starts() -> None:
    with pytest.raises(SigningError, match="FRONTDESK_SECRET_KEY"):
        WebSettings.from_environment(None, {})
    first, second = (WebSettings.from_environment(None, {"FRONTDESK_DEVELOPMENT": "1"}) for _ in range(2))
    assert first.session_keys != second.session_keys


def test_servers_with_the_same_secret_key_accept_each_others_tokens() -> None:
    assert settings().session_keys == settings().session_keys
    assert settings().calls_secret == settings().calls_secret
    assert settings().calls_secret.encode() not in settings().session_keys.keys.values()


def test_keys_of_sessions_can_be_named_to_change_them() -> None:
    ring = settings(FRONTDESK_SESSION_KEYS=f"new:{LONG}, old:{LONG}2").session_keys
    assert list(ring.keys) == ["new", "old"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTDESK_SESSION_KEYS", "short:abc"),
        ("FRONTDESK_SESSION_KEYS", LONG),
        ("FRONTDESK_SESSION_KEYS", f"a:{LONG},a:{LONG}"),
        ("FRONTDESK_IDENTITY_KEYS", "shop:abc"),
        ("FRONTDESK_SECRET_KEY", "short"),
        ("FRONTDESK_DEVELOPMENT", "maybe"),
        ("FRONTDESK_MAX_MESSAGE_CHARACTERS", "0"),
        ("FRONTDESK_LIMIT_MESSAGES", "many"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises((SigningError, WebSettingsError), match=variable):
        settings(**{variable: value})


def test_require_session_is_a_switch() -> None:
    with pytest.raises(WebSettingsError, match="require_session"):
        settings({"require_session": "no"})


def test_each_limit_is_a_variable() -> None:
    given = {f"FRONTDESK_LIMIT_{name.upper()}": "7" for name in Limits.__dataclass_fields__}
    assert settings(**given).limits == Limits(7, 7, 7, 7, 7, 7, 7)
    assert settings().limits == Limits()


def test_no_secret_is_printed() -> None:
    printed = settings(
        FRONTDESK_SESSION_KEYS=f"s:{LONG}", FRONTDESK_IDENTITY_KEYS=f"i:{LONG}", FRONTDESK_REDIS_URL="redis://:pw@host"
    )
    for text in (repr(printed), str(printed.masked())):
        assert LONG not in text
        assert ":pw@" not in text
        assert SECRET["FRONTDESK_SECRET_KEY"] not in text
        assert printed.calls_secret not in text
