"""Time, size and recall of each engine at 1,000 to 1,000,000 passages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy import text

from benchmarks.report import Row
from benchmarks.search import shop
from benchmarks.search.bases import fill, postgresql_base, sqlite_base
from benchmarks.search.synthetic import add_passages
from knowledge_base.database import Database
from knowledge_base.encoder import Encoder
from knowledge_base.search import KnowledgeSearch, Question
from knowledge_base.search.engines import EngineError, VectorEngine, engine_for

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
SQLITE_ENGINES, POSTGRESQL_ENGINES = ("exact", "sqlite-vec"), ("pgvector",)
QUERIES = 100
NEIGHBOURS = 10
WARM_UP = 3

Say = Callable[[str], None]


def measure(sizes: Sequence[str], engines: Sequence[str], encoder: Encoder, seed: int, say: Say) -> list[Row]:
    """Rows for each size on each engine that is here."""
    asked = [one for one in shop.questions() if one.kind == "single"][:QUERIES]
    questions = [Question(one.question) for one in asked]
    vectors = encoder.encode([question.text for question in questions])
    rows = [Row("scale", "encoder", "encode_question_p50_ms", _encoding(encoder, questions), "ms")]
    for size in sizes:
        for names, base in ((SQLITE_ENGINES, sqlite_base), (POSTGRESQL_ENGINES, postgresql_base)):
            wanted = [name for name in names if name in engines]
            if not wanted:
                continue
            with base() as database:
                if database is None:
                    say(f"scale_{size}: no PostgreSQL here, {', '.join(wanted)} left out")
                    continue
                say(f"scale_{size}: {SIZES[size]} passages on {', '.join(wanted)}")
                began = time.perf_counter()
                fill(database, encoder, shop.ARTICLES)
                add_passages(database, encoder.fingerprint(), SIZES[size], seed)
                if not database.is_sqlite:
                    _analyze(database)
                say(f"scale_{size}: written in {time.perf_counter() - began:.0f} s")
                exact = engine_for(database, encoder, "exact")
                truth = [_nearest(database, exact, vector)[1] for vector in vectors]
                for name in wanted:
                    try:
                        engine = engine_for(database, encoder, name)
                    except EngineError as error:
                        say(f"scale_{size}: {error}")
                        continue
                    rows += _rows(f"scale_{size}", database, engine, encoder, questions, vectors, truth)
    return rows


def _rows(
    dataset: str,
    database: Database,
    engine: VectorEngine,
    encoder: Encoder,
    questions: Sequence[Question],
    vectors: np.ndarray,
    truth: Sequence[set[int]],
) -> list[Row]:
    began = time.perf_counter()
    engine.prepare()
    _nearest(database, engine, vectors[0])
    built = time.perf_counter() - began
    nearest = [_nearest(database, engine, vector) for vector in vectors]
    recall = float(np.mean([len(found & right) / len(right) for (_, found), right in zip(nearest, truth, strict=True)]))
    search = KnowledgeSearch(database, encoder, engine=engine)
    for question, vector in zip(questions[:WARM_UP], vectors, strict=False):
        search.find_by(question, vector)
    whole = []
    for question, vector in zip(questions, vectors, strict=True):
        began = time.perf_counter()
        search.find_by(question, vector)
        whole.append(time.perf_counter() - began)
    alone = [seconds for seconds, _ in nearest]
    name = engine.name
    return [
        Row(dataset, name, "build_s", built, "s"),
        Row(dataset, name, "index_mb", engine.size_bytes() / 1e6, "MB"),
        Row(dataset, name, "vectors_p50_ms", _percentile(alone, 50), "ms"),
        Row(dataset, name, "vectors_p95_ms", _percentile(alone, 95), "ms"),
        Row(dataset, name, "p50_ms", _percentile(whole, 50), "ms"),
        Row(dataset, name, "p95_ms", _percentile(whole, 95), "ms"),
        Row(dataset, name, "recall_at_10_vs_exact", recall),
    ]


def _nearest(database: Database, engine: VectorEngine, vector: np.ndarray) -> tuple[float, set[int]]:
    """Seconds, and the ids of the nearest passages."""
    with database.reading() as session:
        began = time.perf_counter()
        found = engine.nearest(session, vector, (), NEIGHBOURS)
        return time.perf_counter() - began, {passage_id for passage_id, _ in found}


def _encoding(encoder: Encoder, questions: Sequence[Question]) -> float:
    seconds = []
    for question in questions:
        began = time.perf_counter()
        encoder.encode([question.text])
        seconds.append(time.perf_counter() - began)
    return _percentile(seconds, 50)


def _percentile(seconds: Sequence[float], share: float) -> float:
    return float(np.percentile(seconds, share)) * 1000


def _analyze(database: Database) -> None:
    """Give PostgreSQL the statistics that its own service would gather in a minute."""
    with database.transaction() as session:
        session.execute(text("ANALYZE"))
