"""`serve`: the HTTP server. Flags stand above the environment's FRONTDESK_LLM_ settings."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import fields

from llm_component.settings import PREFIX, SECRETS, Settings, SettingsError

SUMMARY = "serve the OpenAI-compatible API and the grounded answers"
EXIT_WRONG_CONFIGURATION = 2
log = logging.getLogger("llm_component.cli.serve")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A flag for each setting but the secrets: a command line can be read by everybody on the machine."""
    for each in fields(Settings):
        if each.name in SECRETS:
            continue
        flag = "--" + each.name.replace("_", "-")
        shown = f"{each.metadata['says']} ({PREFIX}{each.name.upper()}; default: {each.default!r})".replace("%", "%%")
        if isinstance(each.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=shown)
        else:
            parser.add_argument(flag, default=None, metavar=type(each.default).__name__.upper(), help=shown)
    parser.epilog = " and ".join(PREFIX + name.upper() for name in sorted(SECRETS)) + " come from the environment only."


def settings_of(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """The environment's settings with the flags put over them. Raises `SettingsError`."""
    merged = dict(environment)
    for each in fields(Settings):
        given = getattr(arguments, each.name, None)
        if given is not None:
            merged[PREFIX + each.name.upper()] = str(given)
    return Settings.from_environment(merged)


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is told to stop: 0. A configuration that cannot work: 2, with one sentence on standard error."""
    from llm_component.server.logs import configure_logging
    from llm_component.server.process import refuse_open_port, serve

    configure_logging()
    try:
        settings = settings_of(arguments, os.environ)
        refuse_open_port(settings)
        log.info("settings", extra={"settings": settings.shown()})

        from llm_component.engines.build import build_engine
        from llm_component.server.grounding import load_grounding

        engine = build_engine(settings)
        failure = serve(settings, engine, lambda: load_grounding(settings, engine))
    except SettingsError as error:
        failure = str(error)
    if failure:
        print(f"llm_component serve: {failure}", file=sys.stderr)
        return EXIT_WRONG_CONFIGURATION
    return 0
