"""Overlap of texts with references: BLEU by sacrebleu, ROUGE by rouge-score, and how varied the texts are.

All scores are in points, 0 to 100. BLEU is of the corpus: n-grams are counted over all texts, then divided.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

ROUGES = ("rouge1", "rouge2", "rougeL")
MOST_N = 4


@dataclass(frozen=True)
class BleuCounts:
    """What a corpus BLEU is made of, one row a text, so that any choice of the texts can be scored at once.

    matches, totals: `(texts, 4)`, n-grams that stand in the reference, and all of them. lengths: `(texts, 2)`, tokens
    of the text and of its reference.
    """

    matches: np.ndarray
    totals: np.ndarray
    lengths: np.ndarray
    signature: str

    def score(self, chosen: np.ndarray | None = None) -> float:
        """SacreBLEU in points of the texts at these indices; None: of all."""
        return self._bleu(chosen).score

    def brevity(self) -> float:
        """Length of the texts over that of the references; BLEU punishes what is below 1."""
        return float(self.lengths[:, 0].sum() / max(1, self.lengths[:, 1].sum()))

    def _bleu(self, chosen: np.ndarray | None) -> Any:
        from sacrebleu.metrics.bleu import BLEU

        rows = slice(None) if chosen is None else chosen
        text, reference = self.lengths[rows].sum(axis=0)
        return BLEU.compute_bleu(
            correct=[int(count) for count in self.matches[rows].sum(axis=0)],
            total=[int(count) for count in self.totals[rows].sum(axis=0)],
            sys_len=int(text),
            ref_len=int(reference),
            smooth_method="exp",
        )


def bleu_counts(texts: Sequence[str], references: Sequence[str]) -> BleuCounts:
    """Counts of sacrebleu with its defaults: cased, 13a tokens, exponential smoothing; one reference a text.

    Raises:
        ValueError: there is nothing to score, or the lists differ in length.
    """
    from sacrebleu.metrics.bleu import BLEU

    _check(texts, references)
    # Of single sentences only the counts are taken; the effective order keeps sacrebleu from warning of their scores.
    metric = BLEU(effective_order=True)
    scored = [metric.sentence_score(text, [reference]) for text, reference in zip(texts, references, strict=True)]
    whole = BLEU()
    whole.corpus_score([texts[0]], [[references[0]]])  # the signature is complete once it has seen a reference
    return BleuCounts(
        matches=np.array([one.counts for one in scored], dtype=np.int64),
        totals=np.array([one.totals for one in scored], dtype=np.int64),
        lengths=np.array([[one.sys_len, one.ref_len] for one in scored], dtype=np.int64),
        signature=str(whole.get_signature()),
    )


@lru_cache(maxsize=1)
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGES), use_stemmer=False)


def rouge(texts: Sequence[str], references: Sequence[str]) -> dict[str, list[float]]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L for each text, without stemming. Raises `ValueError` as `bleu_counts` does."""
    _check(texts, references)
    found: dict[str, list[float]] = {name: [] for name in ROUGES}
    for text, reference in zip(texts, references, strict=True):
        scores = _rouge().score(reference, text)
        for name in ROUGES:
            found[name].append(100.0 * scores[name].fmeasure)
    return found


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SIGNS = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\]\\^`{|}~_']")


def sentence_bleu4(text: str, reference: str) -> float:
    """BLEU-4 of one text as the DSTC9 challenge counts it: no case, signs or articles, no smoothing.

    The challenge's BLEU-4 is the mean of these. It is not comparable with sacrebleu's: a text that shares no four words
    in a row with its reference counts nothing.
    """
    said, wanted = _plain_words(text), _plain_words(reference)
    if len(said) < MOST_N:
        return 0.0
    logarithms = 0.0
    for n in range(1, MOST_N + 1):
        ours, theirs = ngrams(said, n), ngrams(wanted, n)
        matches = sum((ours & theirs).values())
        if not matches:
            return 0.0
        logarithms += math.log(matches / sum(ours.values()))
    brevity = min(1.0, math.exp(1.0 - len(wanted) / len(said)))
    return 100.0 * brevity * math.exp(logarithms / MOST_N)


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of `n` words occurs."""
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def distinct(texts: Sequence[str], n: int) -> float:
    """Different n-grams over all n-grams, in words without case, as a share; 0 where there are none (Li et al. 2016).

    It falls with the length of the corpus, so it compares systems on the same prompts only.
    """
    counted: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        counted.update(ngrams(text.lower().split(), n))
    return len(counted) / counted.total() if counted else 0.0


def _plain_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", _SIGNS.sub(" ", text.lower())).split()


def _check(texts: Sequence[str], references: Sequence[str]) -> None:
    if not texts:
        raise ValueError("there are no texts to score")
    if len(texts) != len(references):
        raise ValueError(f"{len(texts)} texts and {len(references)} references: each text needs one")
    if not all(reference.strip() for reference in references):
        raise ValueError("a reference is empty; leave out the examples that have none")
