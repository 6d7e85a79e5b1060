"""`make bench-stream`: how long a sentence takes from the model to a client of the REST stream.

The servers are the real ones; a scripted upstream stands in for the model and notes when it has sent a sentence. The
turns are those of a test of the whole system, which is run here as it is. Results: benchmarks/results/stream.json, .md.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import report
from benchmarks.report import ROOT, Row

TEST = "tests/e2e/test_open_answers.py::test_the_first_sentence_reaches_a_stream_while_the_model_still_writes"
NOTES = """\
Made by `make bench-stream` (benchmarks/stream.py): milliseconds from the moment that a scripted upstream has sent a
sentence until a client of `POST /webhooks/rest/webhook` with `Accept: text/event-stream` holds it. In between are two
HTTP hops, the check of the sentence against its passage, and Rasa. The aim is 50 ms.
"""


def delays() -> list[float]:
    """Seconds of each measured turn, in their order. Ends the process with the test's output where it fails."""
    with TemporaryDirectory(prefix="frontdesk-stream-") as folder:
        found = Path(folder) / "result.xml"
        command = [sys.executable, "-m", "pytest", "-q", TEST, f"--junitxml={found}"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"The turns could not be measured:\n{ended.stdout[-2000:]}")
        for each in ElementTree.parse(found).iter("property"):  # noqa: S314  our own test wrote it
            if each.get("name") == "delay_seconds":
                return [float(value) for value in str(each.get("value")).split()]
    raise SystemExit("The test has recorded no delay.")


def main() -> int:
    """Measures and writes the results."""
    began = time.monotonic()
    print("  Starting the servers, then measuring; about half a minute.", flush=True)
    found = [1000 * seconds for seconds in delays()]
    rows = [
        Row("rest_stream", "frontdesk", "sentence_to_client_median", statistics.median(found), "ms"),
        Row("rest_stream", "frontdesk", "sentence_to_client_worst", max(found), "ms"),
        Row("rest_stream", "frontdesk", "turns", len(found), "turns"),
    ]
    data = {"turns": report.data_hash([ROOT / TEST.split("::")[0]])}
    path = report.write(
        "stream", rows, seed=0, data=data, seconds=time.monotonic() - began, title="Streaming", notes=NOTES
    )
    print(report.table(rows) + f"  Written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
