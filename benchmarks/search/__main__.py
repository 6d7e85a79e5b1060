"""`make bench-search`: is the right document found, is what nobody can answer refused, and how fast at what size?

    make bench-search ARGS='--data FOLDER --only doc2dial --only shop --only scale --sizes 1k --sizes 10k'

Parts can run alone: rows of parts that did not run stay in the results. Doc2Dial is read from --data or
FRONTDESK_DATA_SETS, and left out with a line where it is absent. Results: benchmarks/results/search.json, .md
and the two plots beside them. `--calibrate` fits the relevance score anew on one half of the shop's questions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.generation.datasets import fingerprint
from benchmarks.report import Row
from benchmarks.search import calibrate, doc2dial, importing, plots, scale, shop
from knowledge_base.search.engines import ENGINE_NAMES
from knowledge_base.search.relevance import load_relevance
from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.training.data.readers import VARIABLE

PARTS = ("doc2dial", "shop", "scale", "import")
NAME = "search"
NOTES = """\
Made by `make bench-search` (benchmarks/search). What it means: docs/knowledge.md.

- `doc2dial_val`: share of turns whose document is among the first k documents. `last_turn` reads the turn alone,
  `conversation` all that was said before it too, `if_needed` decides as the assistant does. BM25 over whole documents
  with the full history: 0.765, 0.923, 0.949. How text and vectors are weighted was chosen on 1,000 turns of this set.
- `shop_questions`: hand-written questions on data/knowledge; share with a right article among the first k articles,
  `article_in_5_passages` among the articles of the first five passages.
  `amid_another_topic`: the same after a conversation on something else. The relevance score and its threshold come
  from half a, everything here is measured on half b; the curve of both: search_relevance.png. Half b is no clean test:
  results on it were seen while search was built (decision 0022).
- `scale_*`: synthetic passages beside the shop's. `p95_ms` is a whole search without encoding the question, `vectors`
  the engine alone, `build_s` the index from passages that are in the database; search_scale.png.
- `import_10k`: from files to a base that can be searched, beside encoding the same texts in one call.
"""


def arguments_of(said: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help="folder of the data sets")
    parser.add_argument("--only", action="append", choices=PARTS, help="these parts; may be repeated")
    parser.add_argument("--sizes", action="append", choices=tuple(scale.SIZES), help="default: all")
    parser.add_argument("--engines", action="append", choices=ENGINE_NAMES, help="default: all")
    parser.add_argument("--turns", type=int, default=0, help="turns of Doc2Dial, drawn by the seed; 0: all")
    parser.add_argument("--calibrate", action="store_true", help="fit the relevance score before measuring")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(said)


def progress(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def measured(arguments: argparse.Namespace, encoder: SentenceEncoder) -> tuple[list[Row], dict[str, str]]:
    """The rows of the parts that were wanted and could run, and hashes of their data."""
    wanted = arguments.only or PARTS
    rows: list[Row] = []
    data: dict[str, str] = {}
    if "doc2dial" in wanted:
        folder = Path(arguments.data).expanduser() if arguments.data else None
        if folder is None or not all(file.is_file() for file in doc2dial.files(folder)):
            progress(f"doc2dial: left out, its data set is not under --data or {VARIABLE}")
        else:
            progress("doc2dial")
            rows += doc2dial.measure(folder, encoder, arguments.turns, arguments.seed)
            data["doc2dial_val"] = fingerprint(doc2dial.files(folder))
    if "shop" in wanted:
        progress("shop questions")
        rows += shop_rows(encoder, arguments)
        data["shop_questions"] = report.data_hash([shop.QUESTIONS, shop.ARTICLES])
    if "scale" in wanted:
        sizes, engines = arguments.sizes or list(scale.SIZES), arguments.engines or list(ENGINE_NAMES)
        rows += scale.measure(sizes, engines, encoder, arguments.seed, progress)
    if "import" in wanted:
        progress(f"import of {importing.PASSAGES} passages")
        rows += importing.measure(encoder, arguments.seed)
    return rows, data


def shop_rows(encoder: SentenceEncoder, arguments: argparse.Namespace) -> list[Row]:
    """The shop's questions, after the score was fitted if that is wanted; draws the curve."""
    asked, amid = shop.ask_all(encoder)
    if arguments.calibrate:
        calibrate.fit(asked, encoder, arguments.seed)
    fitted = load_relevance(encoder.fingerprint())
    if fitted is not None:
        asked = shop.scored(asked, fitted)
        curves = {
            f"half {half} ({word})": shop.curve(asked, half)
            for half, word in ((shop.FITTED_ON, "fitted on"), (shop.MEASURED_ON, "held out"))
        }
        plots.relevance_curve(curves, fitted.threshold, report.RESULTS / "search_relevance.png")
    return shop.rows_of(asked, amid)


def kept(new: Sequence[Row]) -> tuple[list[Row], dict[str, str]]:
    """The rows and data hashes of earlier runs, without what was measured now."""
    path = report.RESULTS / f"{NAME}.json"
    if not path.is_file():
        return [], {}
    earlier = json.loads(path.read_text(encoding="utf-8"))
    now = {(row.dataset, row.system) for row in new}
    rows = [Row(**row) for row in earlier["rows"]]
    return [row for row in rows if (row.dataset, row.system) not in now], earlier["meta"]["data"]


def main(said: Sequence[str] | None = None) -> int:
    arguments = arguments_of(said)
    began = time.monotonic()
    rows, data = measured(arguments, load_encoder(os.environ.get("FRONTDESK_ENCODER")))
    if not rows:
        print("bench-search: nothing was measured", file=sys.stderr)
        return 2
    earlier, hashes = kept(rows)
    everything = sorted([*earlier, *rows], key=lambda row: (row.dataset, row.system))
    scaled = [row for row in everything if row.dataset.startswith("scale_")]
    if scaled:
        plots.scale(scaled, scale.SIZES, report.RESULTS / "search_scale.png")
    report.write(
        NAME,
        everything,
        seed=arguments.seed,
        data=hashes | data,
        seconds=time.monotonic() - began,
        title="Search",
        notes=NOTES,
    )
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
