"""Whether a decoder that failed still works: a client that repeats a request that cannot be served must not end it."""

from __future__ import annotations

import logging

from llm_component.decoding.interface import Decoder, Row
from llm_component.engines.interface import Sampling

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 3  # then a row of our own says whether the decoder still works; if not, a restart is needed
PROBE_ROW = 0  # its id; jobs count from 1


class DecoderHealth:
    """Counts a decoder's failures and tries it out after several in a row. Belongs to the scheduler's thread.

    Attributes:
        broken: why no request can be taken any more; empty while they can.
    """

    def __init__(self, decoder: Decoder, some_token: int) -> None:
        self._decoder = decoder
        self._probe = Row(PROBE_ROW, (some_token,), Sampling(max_tokens=2), max_tokens=2)
        self._failures = 0
        self.broken = ""

    def worked(self) -> None:
        """Notes that a row got its tokens."""
        self._failures = 0

    def failed(self, said: str) -> None:
        """Notes a failure after which nothing runs; empties the decoder, and judges it where it fails again and again.

        A row of one token goes through it then: if that succeeds, it was the requests that were at fault.
        """
        self._failures += 1
        try:
            self._decoder.clear()
            if self._failures < FAILURES_IN_A_ROW:
                return
            if not self._decoder.admit([self._probe])[0].ended:
                self._decoder.step()
            self._decoder.clear()
            self._failures = 0
        except Exception:
            logger.exception("the decoder cannot be emptied, or fails on a prompt of one token")
            if self._failures >= FAILURES_IN_A_ROW:
                self.broken = f"{said} ({self._failures} times in a row; restart the server)"
