"""`make bench-stream`: how soon an answer reaches a client of the REST stream, and the screen of a browser.

The servers are the real ones; a scripted upstream stands in for the model and notes when it has sent a sentence. The
turns are those of two tests of the whole system, which are run here as they are; the second needs a Chromium. Results:
benchmarks/results/stream.json, .md.
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

SENTENCES = "tests/e2e/test_open_answers.py::test_the_first_sentence_reaches_a_stream_while_the_model_still_writes"
SCREEN = "tests/e2e/test_widget_answers.py::test_the_first_words_are_on_screen_long_before_a_whole_answer_has_come"
NOTES = """\
Made by `make bench-stream` (benchmarks/stream.py).

- `rest_stream`: milliseconds from the moment that a scripted upstream has sent a sentence until a client of
  `POST /webhooks/rest/webhook` with `Accept: text/event-stream` holds it. In between are two HTTP hops, the check of
  the sentence against its passage, and Rasa. The aim is 50 ms.
- `long_answer`: seconds from the question until the first words of the answer have been painted in the widget, and
  until the same answer has come whole by plain REST, in turns in one browser (Chromium), medians. The scripted upstream
  writes 140 words, one every 100 ms. The aim is 5 times sooner.
"""


def measured(test: str) -> dict[str, list[float]]:
    """The seconds that a test has recorded, by name. Ends the process with the test's output where it fails."""
    with TemporaryDirectory(prefix="frontdesk-stream-") as folder:
        found = Path(folder) / "result.xml"
        command = [sys.executable, "-m", "pytest", "-q", test, f"--junitxml={found}"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if ended.returncode:
            raise SystemExit(f"The turns could not be measured:\n{ended.stdout[-2000:]}")
        recorded = {
            str(each.get("name")): [float(value) for value in str(each.get("value")).split()]
            for each in ElementTree.parse(found).iter("property")  # noqa: S314  our own test wrote it
        }
    if not recorded:
        raise SystemExit(f"The test has recorded nothing; was it skipped?\n{ended.stdout[-2000:]}")
    return recorded


def main() -> int:
    """Measures and writes the results."""
    began = time.monotonic()
    print("  Starting the servers, then measuring; some minutes.", flush=True)
    delays = [1000 * seconds for seconds in measured(SENTENCES)["delay_seconds"]]
    screen = measured(SCREEN)
    first = statistics.median(screen["first_words_seconds"])
    whole = statistics.median(screen["whole_answer_seconds"])
    rows = [
        Row("rest_stream", "frontdesk", "sentence_to_client_median", statistics.median(delays), "ms"),
        Row("rest_stream", "frontdesk", "sentence_to_client_worst", max(delays), "ms"),
        Row("rest_stream", "frontdesk", "turns", len(delays), "turns"),
        Row("long_answer", "frontdesk", "first_words_on_screen", first, "s"),
        Row("long_answer", "whole REST answer", "whole_answer", whole, "s"),
        Row("long_answer", "frontdesk", "times_sooner", whole / first, "times"),
        Row("long_answer", "frontdesk", "pairs", len(screen["first_words_seconds"]), "pairs"),
    ]
    data = {"turns": report.data_hash([ROOT / test.split("::")[0] for test in (SENTENCES, SCREEN)])}
    path = report.write(
        "stream", rows, seed=0, data=data, seconds=time.monotonic() - began, title="Streaming", notes=NOTES
    )
    print(report.table(rows) + f"  Written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
