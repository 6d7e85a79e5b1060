"""Which waiting rows are admitted next: in the order they came, as many as have room without starving the others."""

from __future__ import annotations

from collections.abc import Sequence

from llm_component.decoding.interface import Decoder
from llm_component.engines.jobs import Job

# Prompt tokens computed between two steps. The running rows wait that long for their next token: about the time of
# ten steps on either kind of device. One row is always admitted, however long its prompt.
ADMIT_TOKENS = {"cuda": 8192, "cpu": 2048}


class Admission:
    """Chooses rows for a decoder and remembers what did not fit. Belongs to the scheduler's thread.

    Args:
        admit_tokens: prompt tokens computed between two steps; 0: by `device_type`.
    """

    def __init__(self, decoder: Decoder, admit_tokens: int, device_type: str) -> None:
        self._decoder = decoder
        self._admit_tokens = admit_tokens or ADMIT_TOKENS.get(device_type, ADMIT_TOKENS["cpu"])
        self._most = decoder.max_rows  # rows at once; less after memory ran out, growing again with each success
        self._held = False  # memory ran out: no more rows before a running one has ended
        self._emptied_for: int | None = None  # the job for which everything cached was given up
        self._alone: set[int] = set()  # jobs of which one made the decoder fail: admitted one by one

    def choose(self, queue: Sequence[Job], running: int) -> list[Job]:
        """The jobs, from the front of the queue, that can be admitted now beside `running` rows."""
        if self._held and running:
            return []
        places = min(self._decoder.max_rows - running, self._most)
        chosen: list[Job] = []
        tokens = 0
        for job in queue[: max(0, places)]:
            if chosen and (job.id in self._alone or chosen[0].id in self._alone):
                break
            tokens += len(job.row().prompt)
            if chosen and tokens > self._admit_tokens:
                break
            chosen.append(job)
        return chosen[: self._decoder.room_for([job.row() for job in chosen])] if chosen else []

    def succeeded(self) -> None:
        """Notes that the chosen rows were admitted."""
        self._most = min(self._decoder.max_rows, 2 * self._most)
        self._emptied_for = None

    def failed(self, chosen: Sequence[Job], running: int) -> bool:
        """Notes that memory ran out in admitting. True: the row does not fit even alone, another try is in vain."""
        self._most = max(1, len(chosen) // 2)
        self._held = running > 0
        return not running and len(chosen) == 1 and self.waits_in_vain(chosen[0])

    def waits_in_vain(self, job: Job) -> bool:
        """Whether a job has no room though nothing runs or is cached. Empties the cache at the first asking."""
        if self._emptied_for == job.id:
            return True
        self._decoder.clear()
        self._emptied_for = job.id
        return False

    def hold(self, rows_run: bool) -> None:
        """Memory ran out in a step: no more rows before one of those that still run has ended."""
        self._held = rows_run

    def one_by_one(self, jobs: Sequence[Job]) -> None:
        """The decoder failed on these together: from now on each of them is admitted alone, to find the one at fault.

        Jobs that came before are not among them, so the set is emptied of what is over by the next call.
        """
        self._alone = {job.id for job in jobs}

    def place_freed(self) -> None:
        """Notes that a row has ended."""
        self._held = False
