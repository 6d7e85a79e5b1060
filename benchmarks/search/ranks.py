"""Recall of documents: at which place of a ranking of passages the right document comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from benchmarks.report import Row

DEPTHS = (1, 5, 10)


def document_rank(found: Iterable[str], right: Collection[str]) -> int | None:
    """Place, from 1, of the first right document among the documents found; a document counts once."""
    for place, slug in enumerate(dict.fromkeys(found), start=1):
        if slug in right:
            return place
    return None


def recall_rows(dataset: str, system: str, ranks: Sequence[int | None]) -> list[Row]:
    """Share of questions whose document comes among the first 1, 5 and 10."""
    return [
        Row(
            dataset,
            system,
            f"recall_at_{depth}",
            float(np.mean([rank is not None and rank <= depth for rank in ranks])),
        )
        for depth in DEPTHS
    ]
