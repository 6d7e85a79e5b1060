"""Examples from a folder of articles in Markdown: questions made from headings, titles and key words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from llm_component.training.data.article_sections import Section, placeholders_filled, words_of
from llm_component.training.data.draws import code, invented_word
from llm_component.training.data.examples import ABSTENTION, Example, Passage
from llm_component.training.data.manner import dressed
from llm_component.training.data.rendering import cited

SCRAMBLED_SHARE = 0.6  # of examples have other numbers than the articles, so that none is learnt by heart
LONGEST_ANSWER_WORDS = 48
FEWEST_STEPS = 3
SHORT_HEADING_WORDS = 3  # a heading of so few words says too little without the title

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_STEP = re.compile(r"\A\s*\d+\.\s+\S")
_ITEM = re.compile(r"\A\s*(?:[-*]|\d+\.)\s+")
_NUMBER = re.compile(r"(?<![\w.#-])(?<!\d:)(\d{1,4})((?:\.\d+)?)(?![\w-])(?![.:]\d)")
_LIST_MARK = re.compile(r"(?m)^(\s*)(\d+)\. ")
_DIRECT = ("can ", "is ", "are ", "does ", "do ", "may ", "must ", "will ")
_QUESTION_WORDS = ("how ", "what ", "when ", "where ", "which ", "who ", "whether ", "why ")
_INDIRECT = ("can you tell me {h}", "i want to know {h}", "please explain {h}", "do you know {h}", "{h}", "{h}?")
_SYMPTOM = ("{h}", "{h}, what can i do", "help, {h}", "{h} - what now?", "why is it that {h}", "what to do if {h}")
_TOPIC = (
    "{h}",
    "{h}?",
    "what about {h}",
    "tell me about {h}",
    "info on {h} please",
    "question about {h}",
    "{h}, how does that work",
)
_DOING = (
    "how do i {h}",
    "how can i {h}",
    "what's the best way to {h}",
    "i need to {h}, how",
    "can you explain how to {h}",
    "how to {h}",
)
# Verbs whose "-ing" is not made by adding to the verb.
_VERBS = {
    "using": "use", "changing": "change", "setting": "set", "getting": "get", "removing": "remove", "storing": "store",
    "freeing": "free", "putting": "put", "taking": "take", "making": "make", "moving": "move", "replacing": "replace",
    "choosing": "choose", "charging": "charge", "exchanging": "exchange", "cancelling": "cancel", "placing": "place",
    "updating": "update", "tracking": "track", "sharing": "share", "closing": "close", "descaling": "descale",
    "giving": "give", "having": "have", "leaving": "leave", "arranging": "arrange", "controlling": "control",
    "improving": "improve", "preparing": "prepare", "deleting": "delete", "redeeming": "redeem", "saving": "save",
    "splitting": "split", "stopping": "stop", "travelling": "travel", "combining": "combine", "rinsing": "rinse",
}  # fmt: skip
_NOT_DOING = frozenset(
    {"nothing", "during", "something", "missing", "opening", "running", "ticking", "warning", "billing"}
)


def make_from_articles(sections: Sequence[Section], rng: Random, unanswerable: bool) -> Example:
    """One question on a section, with sections of the same and of other articles beside it."""
    section = rng.choice(sections)
    while not _sentences(section.passage.text) and not _rows(section.passage.text):
        section = rng.choice(sections)
    words, sentences = _question(section, rng)
    asked = set(words_of(words))
    same = [other for other in sections if other.category == section.category and other.article != section.article]
    near = rng.sample(same, min(len(same), rng.randint(1, 2)))
    far = [rng.choice(sections) for _ in range(rng.randint(1, 3))]
    others = [other for other in near + far if other.article != section.article]
    if unanswerable:  # a passage with most of the question's words could answer it
        others = [other for other in others if not _speaks_of(other.passage, asked)] or [rng.choice(sections)]
        if any(_speaks_of(other.passage, asked) for other in others):
            words = f"do you sell {invented_word(rng)} {code(rng)} in {invented_word(rng)}"
    elif rng.random() < 0.3:
        own = [other for other in sections if other.article == section.article and other is not section]
        others += rng.sample(own, min(1, len(own)))
    texts = list({other.passage: None for other in others[:4]})
    passages = texts if unanswerable else [*texts, section.passage]
    rng.shuffle(passages)
    fill = placeholders_filled(rng)
    changed = _Changed(rng, fill, section.products, rng.random() < SCRAMBLED_SHARE)
    written = tuple(Passage(fill(p.title), fill(p.heading), changed(p.text)) for p in passages)
    question = dressed(fill(words), rng)
    if unanswerable:
        return Example("answer", question, ABSTENTION, passages=written, source="shop article")
    number = passages.index(section.passage) + 1
    target = " ".join(cited(changed(sentence), [number]) for sentence in sentences)
    return Example("answer", question, target, passages=written, cites=(number,), source="shop article")


def _speaks_of(passage: Passage, asked: set[str]) -> bool:
    words = set(words_of(f"{passage.title} {passage.heading} {passage.text}"))
    return len(asked & words) > 0.4 * len(asked)


def _question(section: Section, rng: Random) -> tuple[str, list[str]]:
    """The question in its bare words, and the sentences of the section that answer it."""
    sentences = _sentences(section.passage.text)
    form = rng.random()
    product = rng.choice(section.products) if section.products else ""
    long = [sentence for sentence in sentences if len(words_of(sentence)) >= 5]
    if long and form < 0.15:  # key words of one sentence
        sentence = rng.choice(long)
        keys = [word for word in words_of(sentence) if word not in _COMMON]
        keys = [word for word in keys if rng.random() < 0.75][:6] or keys[:5]
        return " ".join([*keys, product.lower()] if product and rng.random() < 0.5 else keys), [sentence]
    answer = _whole_list(section.passage.text) or _first(sentences)
    if section.lead and section.keywords and form < 0.35:
        words = " ".join([rng.choice(section.keywords), product or section.category.replace("-", " ")])
        return words, answer
    if rows := _rows(section.passage.text):
        cells = rng.choice(rows)
        words = rng.choice(("{a}: {h}", "{h}, {a}", "{a} - {h}")).replace("{a}", cells[0])
        return words.replace("{h}", section.passage.heading or section.passage.title), [
            f"{cells[0]}: {', '.join(cells[1:])}."
        ]
    heading = section.passage.heading
    if len(heading.split()) <= SHORT_HEADING_WORDS:
        heading = f"{section.passage.title}: {heading}" if heading and rng.random() < 0.5 else section.passage.title
    words = _from_heading(heading.rstrip("?"), rng)
    if product and product.casefold() not in words.casefold() and rng.random() < 0.5:
        words = f"{words.rstrip('?')} ({product})" if rng.random() < 0.3 else f"{product}: {words}"
    return words, answer


def _from_heading(heading: str, rng: Random) -> str:
    lower = heading[:1].lower() + heading[1:] if heading[1:2].islower() or heading[1:2] == " " else heading
    first, _, rest = lower.partition(" ")
    if lower.startswith(_DIRECT):
        return lower
    if lower.startswith(_QUESTION_WORDS):
        return rng.choice(_INDIRECT).replace("{h}", lower)
    if first.endswith("ing") and rest and first not in _NOT_DOING:
        verb = _VERBS.get(first, first[:-3])
        return rng.choice(_DOING).replace("{h}", f"{verb} {rest}")
    if re.search(r"\b(?:does|do|is|are|has|was|cannot|smells|leaks|shows|stays)\b", lower):
        return rng.choice(_SYMPTOM).replace("{h}", lower)
    return rng.choice(_TOPIC).replace("{h}", lower)


def _sentences(text: str) -> list[str]:
    """Plain sentences of a section: those of paragraphs and of list items; tables are left out."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip().splitlines()
        if any(line.lstrip().startswith("|") for line in lines):
            continue
        if any(_ITEM.match(line) for line in lines):
            items = [_ITEM.sub("", line).strip() for line in lines if line.strip()]
            if items[0][-1] in ".!?":
                found += items
            elif found and found[-1].endswith(":"):
                found[-1] = f"{found[-1]} {'; '.join(items)}."
        else:
            found += _SENTENCE.split(" ".join(lines))
    found = [sentence.replace("**", "") for sentence in found]
    return [sentence for sentence in found if sentence and sentence[-1] in ".!?"]


def _whole_list(text: str) -> list[str]:
    """The items of a list of instructions, all of them: half of the steps would leave a customer half-way."""
    steps = [line.strip() for line in text.splitlines() if _STEP.match(line)]
    items = [_ITEM.sub("", step).replace("**", "") for step in steps]
    return items if len(items) >= FEWEST_STEPS and all(item[-1] in ".!?" for item in items) else []


def _rows(text: str) -> list[list[str]]:
    """The rows of a section's table, without its head."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    return [cells for cells in rows[2:] if len(cells) > 1 and all(cells)]


def _first(sentences: Sequence[str]) -> list[str]:
    chosen: list[str] = []
    words = 0
    for sentence in sentences[:4]:
        words += len(sentence.split())
        if chosen and (words > LONGEST_ANSWER_WORDS or len(chosen) == 3):
            break
        chosen.append(sentence)
    return chosen


class _Changed:
    """Fills placeholders, and gives numbers other values: the same number the same one throughout an example."""

    def __init__(self, rng: Random, fill: Callable[[str], str], products: Sequence[str], scramble: bool) -> None:
        self._rng, self._fill, self._scramble = rng, fill, scramble
        self._kept = {"0", "1", *re.findall(r"\d+", " ".join(products))}
        self._numbers: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if self._scramble:
            marked = _LIST_MARK.sub(r"\1\2\\. ", text)
            text = _NUMBER.sub(self._number, marked.replace("\\. ", "\x00")).replace("\x00", ". ")
        return self._fill(text)

    def _number(self, match: re.Match[str]) -> str:
        after = match.string[match.end() : match.end() + 1]
        before = match.string[: match.start()].replace("\x00", " ").split()[-1:]  # not with the mark of an item
        if (
            after == "\x00" or match[1] in self._kept or (before and before[0][0].isupper() and before[0][-1].isalnum())
        ):  # "CrispAir 5"
            return match[0]
        if match[0] not in self._numbers:
            digits = len(match[1])
            whole = self._rng.randint(max(2, 10 ** (digits - 1)), 10**digits - 1)
            decimals = (
                f".{self._rng.randint(0, 10 ** (len(match[2]) - 1) - 1):0{len(match[2]) - 1}d}" if match[2] else ""
            )
            self._numbers[match[0]] = f"{whole}{decimals}"
        return self._numbers[match[0]]


_COMMON_WORDS = """
this that with from have been will your they them then than when what which where into only also more most some such
each other after before while there their about because does must should would could once until over under very well
same both here just
"""
_COMMON = frozenset(_COMMON_WORDS.split())
