"""`make bench-generation`: what is generated, against references, beside what only copies.

    make bench-generation ARGS='--data FOLDER --limit 500 --model shipped --model upstream:http://127.0.0.1:8000/v1'

The data sets are read from --data or FRONTDESK_DATA_SETS, each in its own folder; one that is absent is left out
with a line. Without a model only what copies is measured. Results: benchmarks/results/generation.json and .md, loss
curves beside them, and every reply under var/generation for reading and for the blind comparison (clarity.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import report
from benchmarks.generation import datasets, shop, stages
from benchmarks.generation.systems import (
    SHIPPED,
    Model,
    dstc9_rows,
    models,
    overlap_rows,
    perplexity_rows,
    replies_of,
)
from llm_component.checks.gate import Checks
from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.engines.build import build_engine
from llm_component.evaluation import baselines, bootstrap, measures
from llm_component.evaluation.cases import Case, EvaluationError, sample
from llm_component.evaluation.measures import Measure, Said
from llm_component.evaluation.replies import Reply
from llm_component.evaluation.run import Options, Row, written_measures
from llm_component.evaluation.text_scores import bleu_counts
from llm_component.settings import SettingsError
from llm_component.training.data.documents import SECTION_WORDS
from llm_component.training.data.readers import VARIABLE

REPLIES = report.ROOT / "var" / "generation"
CURVES = report.RESULTS / "generation-loss.svg"
SETS = ("doc2dial_val", "doc2dial_val_gold_span", "dstc9_val", "shop_heldout", "handoff", "stages")
STAGE_CASES = 500
NOTES = """\
Made by `make bench-generation` (benchmarks/generation). Rates are fractions, BLEU and ROUGE are points; intervals are
95 % bootstrap intervals over examples. BLEU is sacrebleu's: `{signature}`.

- `doc2dial_val`: the conversation and its whole document are given; of the document a model sees the {sections}
  sections (about {words} words each) nearest to question and conversation by the sentence encoder. The bars
  `best_sentence` (sentence of the document nearest to the customer's last turn) and `best_section` copy.
- `doc2dial_val_gold_span`: the annotated span is given; `gold_span` repeats it. Turns without a reply are left out.
- `dstc9_val`: the gold snippet is given, with its own question in place of the conversation, which is no part of the
  set here. `bleu4` is sacrebleu's; `bleu4_challenge` is the mean of sentences without smoothing, case, signs and
  articles, as the challenge's own figures are counted, and is lower.
- `shop_heldout`: questions about products that no training data has, with the passages written beside them, of which
  one or none answers. `shop_heldout_retrieved`: the same with the five passages that the search finds among all of
  these; `shop_articles_retrieved`: questions about the shop's articles, with what is found among those. `gold_found`
  is the share of answerable questions for which a right passage is among the five: no answer can be better.
  `{shipped}` is the answer after the checks, as a customer reads it; `{shipped}_model_alone` is what the model wrote.
  `facts_exact`: says all that it must and no fact beside the reference's; `facts_right`: says all and makes none up
  (more from the passages is allowed). Both are of the answerable questions.
- `handoff`: summaries of conversations as the model wrote them; `passed_checks` is the share that a colleague reads,
  in place of the others stands the summary that code makes. `must_recall` counts order numbers, products, reasons and
  wishes. `all_messages` repeats everything that the customer wrote, which keeps nearly all of it and sums up nothing.

The model alone is measured on Doc2Dial and DSTC9, without checks, as published systems are.
"""


@dataclass
class Run:
    """What all parts of the benchmark share."""

    data: Path | None
    models: list[Model]
    options: Options
    limit: int
    rows: list[Row] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)
    _encoder: SentenceEncoder | None = None

    @property
    def encoder(self) -> SentenceEncoder:
        """Loaded when it is first needed."""
        if self._encoder is None:
            self._encoder = load_encoder()
        return self._encoder

    def sampled(self, cases: Sequence) -> list:
        """As many as the limit allows."""
        return sample(cases, self.limit, self.options.seed)

    def keep(self, dataset: str, system: str, cases: Sequence[Case], said: Sequence[Said]) -> None:
        """Writes replies down, for reading and for the blind comparison."""
        REPLIES.mkdir(parents=True, exist_ok=True)
        name = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in f"{dataset}-{system}")
        lines = [
            {
                "id": case.name,
                "kind": case.group,
                "history": "\n".join(f"{turn.role}: {turn.content}" for turn in case.example.history),
                "question": case.example.question,
                "reference": case.reference,
                "answerable": case.example.answerable,
                "abstained": one.abstained,
                "text": one.text,
            }
            for case, one in zip(cases, said, strict=True)
        ]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (REPLIES / f"{name}.jsonl").write_text(text, encoding="utf-8")

    def overlap(self, dataset: str, system: str, cases: Sequence[Case], texts: Sequence[str]) -> None:
        """Rows of a system that gives plain texts."""
        said = [Said(text) for text in texts]
        self.keep(dataset, system, cases, said)
        self.rows += overlap_rows(dataset, system, cases, said, self.options)


def progress(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def found(run: Run, name: str, files: Callable[[Path], list[Path]]) -> bool:
    """Whether a data set is there; says so where it is not."""
    if run.data is None or not all(file.is_file() for file in files(run.data)):
        progress(f"{name}: left out, its data set is not under --data or {VARIABLE}")
        return False
    run.fingerprints[name] = datasets.fingerprint(files(run.data))
    return True


def doc2dial(run: Run) -> None:
    """History and whole document to reply."""
    name = "doc2dial_val"
    if not found(run, name, datasets.doc2dial_files):
        return
    assert run.data is not None
    texts = datasets.documents(run.data)
    chosen = run.sampled(datasets.doc2dial(run.data))
    progress(f"{name}: {len(chosen)} turns")
    cases = [case for case, _, _ in chosen]
    sentences = {key: baselines.sentences_of([texts[key]]) for key in {document for _, _, document in chosen}}
    near = {key: run.encoder.encode(said) for key, said in sentences.items()}
    asked = run.encoder.encode([case.example.question for case in cases])
    nearest = [
        sentences[document][int((near[document] @ vector).argmax())]
        for (_, _, document), vector in zip(chosen, asked, strict=True)
    ]
    run.overlap(name, "best_sentence", cases, nearest)
    sections = datasets.Sections(texts, run.encoder)
    cases = [datasets.with_sections(case, document, sections) for case, _, document in chosen]
    run.overlap(name, "best_section", cases, [case.example.passages[0].text for case in cases])
    overlap_of_models(run, name, cases)


def overlap_of_models(run: Run, name: str, cases: Sequence[Case]) -> None:
    """Overlap with the references and perplexity of each model alone."""
    for model in run.models:
        replies = replies_of(model, cases, run.options)
        run.overlap(name, model.name, cases, [measures.model_alone(reply).text for reply in replies])
        run.rows += perplexity_rows(name, model, cases, run.options)


def gold_span(run: Run) -> None:
    """Gold span to reply."""
    name = "doc2dial_val_gold_span"
    if not found(run, name, datasets.doc2dial_files):
        return
    assert run.data is not None
    chosen = run.sampled(datasets.doc2dial(run.data))
    progress(f"{name}: {len(chosen)} turns")
    cases = [case for case, _, _ in chosen]
    run.overlap(name, "gold_span", cases, [span for _, span, _ in chosen])
    run.overlap(name, "lead_sentence", cases, [baselines.lead([span]) for _, span, _ in chosen])
    overlap_of_models(run, name, cases)


def dstc9(run: Run) -> None:
    """Gold snippet to reply."""
    name = "dstc9_val"
    if not found(run, name, datasets.dstc9_files):
        return
    assert run.data is not None
    chosen = run.sampled(datasets.dstc9(run.data))
    progress(f"{name}: {len(chosen)} turns")
    cases = [case for case, _ in chosen]

    def rows(system: str, texts: Sequence[str]) -> None:
        said = [Said(text) for text in texts]
        run.keep(name, system, cases, said)
        run.rows += dstc9_rows(name, system, cases, said, run.options)

    rows("gold_snippet", [snippet for _, snippet in chosen])
    for model in run.models:
        rows(model.name, [measures.model_alone(reply).text for reply in replies_of(model, cases, run.options)])
        run.rows += perplexity_rows(name, model, cases, run.options)


def shop_heldout(run: Run) -> None:
    """The shop's own questions: with the passages written beside them, and with what the search finds."""
    cases = run.sampled(shop.questions())
    ours = run.sampled(shop.article_questions())
    if not cases and not ours:
        progress(f"shop_heldout: left out, {shop.QUESTIONS.relative_to(report.ROOT)} is not there")
        return
    run.fingerprints["shop_heldout"] = report.data_hash([shop.QUESTIONS, shop.PASSAGES, shop.RETRIEVED])
    if cases:
        answered(run, "shop_heldout", cases, ranked=False)
    with shop.knowledge(run.encoder, held_out=True) as search:
        both = {"shop_heldout_retrieved": [shop.retrieved(case, search) for case in cases]}
    with shop.knowledge(run.encoder, held_out=False) as search:
        both["shop_articles_retrieved"] = [shop.retrieved(case, search, articles) for case, articles in ours]
    for name, found_cases in both.items():
        gold = [float(bool(case.example.cites)) for case in found_cases if case.example.answerable]
        if gold:
            interval = bootstrap.mean_interval(gold, samples=run.options.samples, seed=run.options.seed)
            run.rows.append(Row.of(name, "search", Measure.of("gold_found", interval, len(gold))))
            answered(run, name, found_cases, ranked=True)


def answered(run: Run, name: str, cases: list[Case], *, ranked: bool) -> None:
    """Facts, citations and abstention of answers: what is quoted, the model alone, the model with the checks."""
    progress(f"{name}: {len(cases)} questions")
    systems = {"quoted_passage": [shop.quoted_best(case, run.encoder, ranked=ranked) for case in cases]}
    for model in run.models:
        replies: list[Reply] = replies_of(model, cases, run.options, Checks(run.encoder))
        systems[model.name] = [measures.as_read(reply) for reply in replies]
        systems[f"{model.name}_model_alone"] = [measures.model_alone(reply) for reply in replies]
        run.rows += perplexity_rows(name, model, cases, run.options)
    for system, said in systems.items():
        run.keep(name, system, cases, said)
        made = measures.answer_measures(cases, said, samples=run.options.samples, seed=run.options.seed)
        run.rows += [Row.of(name, system, one) for one in made]


def handoff(run: Run) -> None:
    """Summaries for the colleague who takes a conversation over."""
    name = "handoff"
    cases = run.sampled(shop.conversations())
    if not cases:
        progress(f"{name}: left out, {shop.HANDOFF.relative_to(report.ROOT)} is not there")
        return
    run.fingerprints[name] = report.data_hash([shop.HANDOFF])
    progress(f"{name}: {len(cases)} conversations")
    said = [[turn.content for turn in case.example.history if turn.role == "user"] for case in cases]
    systems = {
        "first_and_last_message": [" ".join(dict.fromkeys([turns[0], turns[-1]])) for turns in said],
        "all_messages": [" ".join(turns) for turns in said],
    }
    for model in run.models:
        replies = replies_of(model, cases, run.options)
        systems[model.name] = [reply.raw for reply in replies]
        kept = sum(reply.verdict == "generated" for reply in replies) / len(replies)
        run.rows.append(Row(name, model.name, "passed_checks", kept, "", kept, kept, len(replies)))
        run.rows += perplexity_rows(name, model, cases, run.options)
    for system, texts in systems.items():
        written = [Said(text, cites=False) for text in texts]
        run.keep(name, system, cases, written)
        run.rows += [Row.of(name, system, one) for one in written_measures(cases, written, run.options)]


def training_stages(run: Run, said: Sequence[str]) -> None:
    """Perplexity and BLEU of each stage, on the gold spans, and their loss curves."""
    named = [stages.stage(one) for one in said]
    if not named or not found(run, "stages", datasets.doc2dial_files):
        return
    assert run.data is not None
    cases = sample([case for case, _, _ in datasets.doc2dial(run.data)], run.limit or STAGE_CASES, run.options.seed)
    settings = models([""])[0].settings
    for name, folder in named:
        progress(f"stages: {name}")
        run.rows += stages.stage_rows(name, folder, cases, settings, run.options)
    curves = stages.loss_curves(named)
    if curves:
        CURVES.write_text(curves, encoding="utf-8")


def page(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table with their intervals."""
    from llm_component.evaluation.model_card import shown

    lines = ["| data | system | metric | value | 95 % interval | n |", "| --- | --- | --- | ---: | --- | ---: |"]
    for row in rows:
        between = "" if row.low == row.high else f"{row.low:.4g} to {row.high:.4g}"
        value = shown(row.value, row.unit)
        lines.append(f"| {row.dataset} | {row.system} | {row.metric} | {value} | {between} | {row.count or ''} |")
    return "\n".join(lines) + "\n"


def arguments_of(said: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help="folder of the data sets")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help="shipped (default), a folder, a hub id or upstream:URL; may be repeated; none: only what copies",
    )
    parser.add_argument("--only", action="append", choices=SETS, help="these data sets; may be repeated")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME=FOLDER", help="a stage of training")
    parser.add_argument("--limit", type=int, default=0, help="examples of each set, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--at-once", type=int, default=16, help="requests under way together")
    parser.add_argument("--no-perplexity", action="store_true")
    parser.add_argument("--name", default="generation", help="of the result files")
    return parser.parse_args(said)


def main(said: Sequence[str] | None = None) -> int:
    arguments = arguments_of(said)
    began = time.monotonic()
    options = Options(
        samples=arguments.samples,
        seed=arguments.seed,
        at_once=arguments.at_once,
        perplexity=not arguments.no_perplexity,
        progress=progress,
    )
    wanted = arguments.only or SETS
    try:
        named = [] if arguments.model == ["none"] else models(arguments.model or [""])
        usable = [model for model in named if build_engine(model.settings) is not None]
        if len(usable) < len(named):
            progress("no model is shipped: only what copies is measured, and the models that were named")
        data = Path(arguments.data).expanduser() if arguments.data else None
        run = Run(data, usable, options, arguments.limit)
        for name, part in (
            ("doc2dial_val", doc2dial),
            ("doc2dial_val_gold_span", gold_span),
            ("dstc9_val", dstc9),
            ("shop_heldout", shop_heldout),
            ("handoff", handoff),
        ):
            if name in wanted:
                part(run)
        if "stages" in wanted:
            training_stages(run, arguments.stage)
    except (EvaluationError, SettingsError) as error:
        print(f"bench-generation: {error}", file=sys.stderr)
        return 2
    if not run.rows:
        print("bench-generation: nothing was measured; unpack the data sets and name their folder", file=sys.stderr)
        return 2
    path = report.write(
        arguments.name, run.rows, seed=arguments.seed, data=run.fingerprints, seconds=time.monotonic() - began
    )
    notes = NOTES.format(
        signature=bleu_counts(["a"], ["a"]).signature,
        sections=datasets.SECTIONS,
        words=SECTION_WORDS,
        shipped=SHIPPED,
    )
    limit = f"At most {run.limit} examples of each set, drawn by seed {arguments.seed}.\n\n" if run.limit else ""
    meta = json.loads(path.read_text(encoding="utf-8"))["meta"]
    curves = f"![Loss of each stage]({CURVES.name})\n\n" if CURVES.is_file() and arguments.stage else ""
    path.with_suffix(".md").write_text(
        f"# Generation\n\n{notes}\n{limit}{curves}{page(run.rows)}\n"
        f"Machine: {meta['machine']}. Commit {meta['commit']}.\n",
        encoding="utf-8",
    )
    print(page(run.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
