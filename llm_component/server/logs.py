"""Log lines as JSON on standard error, one event a line, with the turn id that runs through all processes."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FORMAT_VARIABLE = "FRONTDESK_LOG_FORMAT"
LEVEL_VARIABLE = "FRONTDESK_LOG_LEVEL"
OWN_LOGGER = "llm_component"
PLAIN_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

# The turn id of the request that is being handled: the header X-Turn-Id, or one made on arrival.
turn_id: ContextVar[str | None] = ContextVar("turn_id", default=None)


class LogFormatter(JsonFormatter):
    """Formats a record as one JSON object; `extra` fields of the call become fields of the object."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        for name in ("message", "exc_info"):
            log_data.pop(name, None)
        # After the call's own fields, so that none of them can replace what every line has.
        log_data["at"] = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["event"] = record.getMessage()
        if turn_id.get():
            log_data["turn"] = turn_id.get()
        if record.exc_info:
            log_data["exception"] = self.formatException(record.exc_info)


def configure_logging() -> None:
    """Sends log lines to standard error: JSON, or plain with FRONTDESK_LOG_FORMAT=plain.

    The component's own lines appear from FRONTDESK_LOG_LEVEL on (INFO where it is not set or unknown), those of
    libraries from WARNING on.
    """
    # Read when transformers is imported: its reports of loading are no lines of ours.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    handler = logging.StreamHandler(sys.stderr)
    plain = os.environ.get(FORMAT_VARIABLE, "json") != "json"
    handler.setFormatter(logging.Formatter(PLAIN_FORMAT) if plain else LogFormatter(json_ensure_ascii=False))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    wanted = os.environ.get(LEVEL_VARIABLE, "INFO").upper()
    own = logging.getLogger(OWN_LOGGER)
    own.setLevel(wanted if isinstance(logging.getLevelName(wanted), int) else "INFO")
    own.propagate = True
    # Its lines on starting and stopping say what ours say; its access log would hold paths as they were sent.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
