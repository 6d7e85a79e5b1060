"""Reads questions with their answers from CSV and JSON: each pair is a document of its own, titled by the question."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from knowledge_base.documents.document import TITLE_CHARACTERS, Block, DocumentError, Parsed, Section
from knowledge_base.documents.fields import overlaid, read_fields
from knowledge_base.documents.markdown import markdown_sections

QUESTION_NAMES = ("question", "title", "q", "frage")
ANSWER_NAMES = ("answer", "text", "a", "body", "antwort")
LIST_NAMES = ("questions", "faq", "faqs", "items", "entries", "data")  # of the list in a JSON object
LONGEST_CELL_CHARACTERS = 1 << 20
DELIMITERS = ",;\t|"

_UNSAFE = re.compile(r"[^a-z0-9]+")


def parse_csv(text: str) -> Iterator[Parsed]:
    """A document for each row below a header with columns for question and answer. Raises `DocumentError`."""
    csv.field_size_limit(LONGEST_CELL_CHARACTERS)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = [(name or "").strip().lower() for name in rows.fieldnames or ()]
        rows.fieldnames = header
        if not (set(header) & set(QUESTION_NAMES) and set(header) & set(ANSWER_NAMES)):
            raise DocumentError(f"its first line names no columns for question and answer, but: {', '.join(header)}")
        yield from _pairs((rows.line_num, row) for row in rows)
    except csv.Error as error:
        raise DocumentError(f"not readable as CSV: {error}") from error


def parse_json(text: str) -> Iterator[Parsed]:
    """A document for each object of a list, or of an object's list, or of a mapping of questions to answers.

    Raises `DocumentError`.
    """
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DocumentError(f"not readable as JSON: {error}") from error
    if isinstance(content, dict):
        named = next((content[name] for name in LIST_NAMES if isinstance(content.get(name), list)), None)
        if named is None and content and all(isinstance(value, str) for value in content.values()):
            named = [{"question": question, "answer": answer} for question, answer in content.items()]
        content = named
    if not isinstance(content, list):
        raise DocumentError("holds no list of questions and answers")
    yield from _pairs(enumerate(content, start=1))


def _pairs(entries: Iterator[tuple[int, Any]]) -> Iterator[Parsed]:
    keys: set[str] = set()
    for number, entry in entries:
        if not isinstance(entry, Mapping):
            raise DocumentError(f"entry {number}: expected an object with question and answer")
        values = {str(name).strip().lower(): value for name, value in entry.items() if name is not None}
        if not any(value not in (None, "", []) for value in values.values()):
            continue
        question, answer = _first(values, QUESTION_NAMES), _first(values, ANSWER_NAMES)
        if not question or not answer:
            raise DocumentError(f"entry {number}: the {'answer' if question else 'question'} is missing")
        others = {name: value for name, value in values.items() if name not in (*QUESTION_NAMES, *ANSWER_NAMES)}
        if isinstance(others.get("keywords"), str):
            others["keywords"] = [word for word in re.split(r"[;,]", others["keywords"]) if word.strip()]
        if isinstance(others.get("products"), str):
            others["products"] = others["products"].split(";")
        try:
            fields = read_fields(others)
        except DocumentError as error:
            raise DocumentError(f"entry {number}: {error}") from error
        key = _key(str(values.get("id") or "").strip(), question)
        if key in keys:
            raise DocumentError(f"entry {number}: another one has the same id or question")
        keys.add(key)
        sections, hidden = markdown_sections(answer)
        if len(question) > TITLE_CHARACTERS:
            sections = (Section((), (Block(question),)), *sections)  # the title will be cut, the question must not be
        yield Parsed(overlaid(fields, read_fields({"title": question[:TITLE_CHARACTERS]})), sections, hidden, key)


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    found = next((values[name] for name in names if values.get(name)), "")
    return str(found).strip()


def _key(given: str, question: str) -> str:
    """What stays the same as long as it is the same question: its id, or its words with a mark of all of them."""
    if given:
        return given
    digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{_UNSAFE.sub('-', question.lower()).strip('-')[:60].strip('-')}-{digest}"
