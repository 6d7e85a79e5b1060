"""Questions of customers that a shop's articles do not answer, beside the articles that come nearest to them."""

from __future__ import annotations

import functools
import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from llm_component.training.data.article_sections import Section, placeholders_filled, words_of
from llm_component.training.data.draws import Text, alternatives, phrasings, texts
from llm_component.training.data.examples import ABSTENTION, Example, Passage
from llm_component.training.data.manner import dressed

NEAREST = 12  # of the sections, by shared words, from which most passages are drawn


class Nearest:
    """Sections by the words they share with a question, rare words counting more."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._words = [
            set(words_of(f"{one.passage.title} {one.passage.heading} {one.passage.text}")) for one in sections
        ]
        counts = Counter(word for words in self._words for word in words)
        self._weights: Mapping[str, float] = {
            word: math.log(1 + len(sections) / count) for word, count in counts.items()
        }

    def __call__(self, question: str, count: int) -> list[Section]:
        """The `count` sections that share most with the question."""
        asked = set(words_of(question))
        scores = [sum(self._weights[word] for word in asked & words) for words in self._words]
        best = heapq.nlargest(count, range(len(scores)), key=scores.__getitem__)
        return [self._sections[place] for place in best]


@functools.cache
def _questions(kind: str) -> tuple[tuple[Text, ...], ...]:
    return tuple(texts(line) for line in phrasings("unanswered")[kind])


def make_unanswered(sections: Sequence[Section], nearest: Nearest, rng: Random) -> Example:
    """One question without an answer; its passages are what a search would have found for it."""
    products = [one for one in sections if one.products]
    if products and rng.random() < 0.6:
        about = rng.choice(products)
        product = rng.choice(about.products)
        noun = rng.choice(alternatives(phrasings("guides")["nouns"]))
        form = rng.random()
        called = f"the {product}" if form < 0.5 else product if form < 0.75 else f"my {product}"
        words = rng.choice(rng.choice(_questions("product")))(rng).replace("{p}", called).replace("{n}", noun)
    else:
        words = rng.choice(rng.choice(_questions("company")))(rng)
    found = nearest(words, NEAREST)
    chosen = rng.sample(found, min(len(found), rng.randint(2, 4)))
    chosen += [rng.choice(sections) for _ in range(rng.choice((0, 0, 1)))]
    rng.shuffle(chosen)
    fill = placeholders_filled(rng)
    passages = {
        Passage(fill(one.passage.title), fill(one.passage.heading), fill(one.passage.text)): None for one in chosen
    }
    return Example("answer", dressed(words, rng), ABSTENTION, passages=tuple(passages), source="shop unanswered")
