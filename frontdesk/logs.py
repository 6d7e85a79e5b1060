"""Log lines as JSON, one event a line, with the turn id that runs through every process."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import datetime, timezone

# The message id that Rasa gives a customer's message; the action server reads it from the tracker.
turn_id: ContextVar[str | None] = ContextVar("turn_id", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
FORMAT_VARIABLE = "FRONTDESK_LOG_FORMAT"
LEVEL_VARIABLE = "FRONTDESK_LOG_LEVEL"


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; `extra` fields of the call become fields of the object."""

    def format(self, record: logging.LogRecord) -> str:
        # The call's own fields first, so that none of them can replace what every line has.
        entry: dict[str, object] = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        entry |= {
            "at": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if turn_id.get():
            entry["turn"] = turn_id.get()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure_logging(process: str) -> None:
    """Sends the project's own log lines to standard error: JSON, or plain with FRONTDESK_LOG_FORMAT=plain.

    Only the loggers of this project are touched; Rasa keeps its own configuration.
    """
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get(FORMAT_VARIABLE, "json") == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("frontdesk", "actions", "rasa_addons", "knowledge_base", "llm_component"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(os.environ.get(LEVEL_VARIABLE, "INFO").upper())
    logging.getLogger("frontdesk").info("logging configured", extra={"service": process})
