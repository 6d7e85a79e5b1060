"""A stream of training examples for a shop's assistant, the same for the same seed, without an end.

Each example depends on the seed and its own number alone, so a stream can go on from any number, and several readers
can share one: reader 2 of 4 takes numbers 2, 6, 10 and so on.

    python -m llm_component.training.data.shop --articles data/knowledge --count 20 --seed 1
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from llm_component.training.data.answering import UNANSWERABLE_SHARE, make_answer
from llm_component.training.data.article_sections import read_articles
from llm_component.training.data.articles import make_from_articles
from llm_component.training.data.asking import make_rewrite
from llm_component.training.data.catalogue import make_from_catalogue, read_catalogue
from llm_component.training.data.conversations import make_summary
from llm_component.training.data.examples import Example
from llm_component.training.data.guides import make_guide, make_rule
from llm_component.training.data.unanswered import Nearest, make_unanswered

# How often each maker is asked, before those without a source are left out.
SHARES: Mapping[str, float] = {
    "world": 0.39,
    "guide": 0.08,
    "rule": 0.06,
    "article": 0.13,
    "unanswered": 0.06,
    "catalogue": 0.10,
    "rewrite": 0.10,
    "summary": 0.08,
}
MOST_PASSAGE_PIECES = 170  # of a passage with its headings, by `rough_pieces`; the model reads 192
MOST_QUESTION_PIECES = 112  # of the question with the turns before it; the model reads 128
TRIES = 20
_PIECE = re.compile(r"[A-Za-z]{1,6}|[^\sA-Za-z]")


def rough_pieces(text: str) -> int:
    """About how many pieces a tokenizer makes of a text: digits and signs one each, long words more than one."""
    return len(_PIECE.findall(text))


def fits(example: Example) -> bool:
    """Whether the model can read all that is given."""
    asked = rough_pieces(" ".join([example.question, *(turn.content for turn in example.history)]))
    return (example.task == "summary" or asked <= MOST_QUESTION_PIECES) and all(
        rough_pieces(f"{passage.title}. {passage.heading}: {passage.text}") <= MOST_PASSAGE_PIECES
        for passage in example.passages
    )


class ShopExamples:
    """Examples by number, from 0, for one seed.

    Args:
        seed: another one gives other examples.
        articles: a folder of articles in Markdown, or None.
        catalogue: a file of products, or None.
        shares: how often each maker is asked; a maker whose source is missing is left out.

    Raises:
        ValueError: a source holds nothing that can be used, or no maker is left.
        OSError: a source cannot be read.
    """

    def __init__(
        self,
        seed: int,
        *,
        articles: Path | None = None,
        catalogue: Path | None = None,
        shares: Mapping[str, float] = SHARES,
        unanswerable_share: float = UNANSWERABLE_SHARE,
    ) -> None:
        self._seed = seed
        self._unanswerable = unanswerable_share
        makers: dict[str, Callable[[Random, bool], Example]] = {
            "world": make_answer,
            "guide": make_guide,
            "rule": make_rule,
            "rewrite": lambda rng, _: make_rewrite(rng),
            "summary": lambda rng, _: make_summary(rng),
        }
        if articles is not None:
            sections = read_articles(articles)
            nearest = Nearest(sections)
            makers["article"] = lambda rng, unanswerable: make_from_articles(sections, rng, unanswerable)
            makers["unanswered"] = lambda rng, _: make_unanswered(sections, nearest, rng)
        if catalogue is not None:
            read = read_catalogue(catalogue)
            makers["catalogue"] = lambda rng, unanswerable: make_from_catalogue(read, rng, unanswerable)
        used = [(name, share) for name, share in shares.items() if name in makers and share > 0]
        if not used:
            raise ValueError("no maker of examples is left")
        self._makers = [makers[name] for name, _ in used]
        self._weights = [share for _, share in used]

    def __getitem__(self, number: int) -> Example:
        """The example of this number. One that is too long for the model is drawn again."""
        rng = Random(self._seed << 40 | number)
        for _ in range(TRIES):
            (make,) = rng.choices(self._makers, self._weights)
            example = make(rng, rng.random() < self._unanswerable)
            if fits(example):
                return example
        raise RuntimeError(f"example {number} of seed {self._seed} is too long each time")

    def stream(self, start: int = 0, step: int = 1) -> Iterator[Example]:
        """Examples `start`, `start + step` and so on, without an end."""
        number = start
        while True:
            yield self[number]
            number += step


def _shown(example: Example) -> str:
    lines = [f"[{example.task}] {example.source}"]
    lines += [f"  {turn.role}: {turn.content}" for turn in example.history]
    lines += [f"  fact {name}: {value}" for name, value in example.facts.items()]
    lines += [f"  question: {example.question}"] if example.question else []
    for number, passage in enumerate(example.passages, 1):
        text = passage.text.replace("\n", "\n       ")
        lines.append(f"  [{number}] {passage.title} > {passage.heading}\n       {text}")
    return "\n".join([*lines, f"  target: {example.target}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print some examples to look at."""
    parser = argparse.ArgumentParser(prog="python -m llm_component.training.data.shop", description=main.__doc__)
    parser.add_argument("--articles", type=Path, help="folder of articles in Markdown")
    parser.add_argument("--catalogue", type=Path, help="file of products (knowledge_base catalog export-facts)")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(SHARES), help="one maker of examples")
    parsed = parser.parse_args(arguments)
    shares = {parsed.only: 1.0} if parsed.only else SHARES
    try:
        examples = ShopExamples(parsed.seed, articles=parsed.articles, catalogue=parsed.catalogue, shares=shares)
    except (OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    for number in range(parsed.count):
        print(_shown(examples[number]), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
