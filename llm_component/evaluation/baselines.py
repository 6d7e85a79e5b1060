"""What costs no model: the bar that a generated answer has to pass. All of them copy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llm_component.answers.quotation import quotation
from llm_component.checks.sentences import split_sentences
from llm_component.encoder import SentenceEncoder
from llm_component.protocol import Passage
from llm_component.training.data.examples import Passage as ExamplePassage

LEAST_WORDS = 3  # a shorter piece is a heading's number or a list mark


def sentences_of(texts: Sequence[str]) -> list[str]:
    """All sentences of some texts, in their order; those of fewer than three words only where there are no others."""
    found = [" ".join(sentence.split()) for text in texts for sentence in split_sentences(text)]
    longer = [sentence for sentence in found if len(sentence.split()) >= LEAST_WORDS]
    return longer or found


def best_sentence(question: str, sentences: Sequence[str], encoder: SentenceEncoder) -> str:
    """The sentence whose vector is nearest to the question's; "" where there is none."""
    if not sentences:
        return ""
    vectors = encoder.encode([question, *sentences])
    return sentences[int(np.argmax(vectors[1:] @ vectors[0]))]


def lead(texts: Sequence[str], sentences: int = 1) -> str:
    """The first sentences."""
    return " ".join(sentences_of(texts)[:sentences])


def whole(texts: Sequence[str]) -> str:
    """Everything, as one line."""
    return " ".join(" ".join(texts).split())


def quoted_passage(passages: Sequence[ExamplePassage], quotes: Sequence[str] = ()) -> tuple[str, tuple[int, ...]]:
    """What customers get without a model: the best passage's quote, or its first sentences, and the passage cited."""
    wire = [
        Passage(
            title=one.title,
            heading=one.heading,
            text=one.text,
            quote=quotes[number] if number < len(quotes) else "",
        )
        for number, one in enumerate(passages)
    ]
    found = quotation(wire)
    cited = tuple(sorted({number for sentence in found for number in sentence.citations}))
    return "".join(sentence.joint + sentence.text for sentence in found), cited
