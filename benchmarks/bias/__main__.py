"""`make bench-bias`: stereotypes in a model's likelihoods (CrowS-Pairs, BBQ, Winogender), rude words in its answers.

    make bench-bias ARGS='--data FOLDER --model shipped --model FOLDER --limit 500'

The data sets are read from --data or FRONTDESK_DATA_SETS; one that is absent is left out with a line. Results:
benchmarks/results/bias.json and .md. What the figures mean and what they do not: docs/bias.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import report
from benchmarks.bias import sets, toxicity
from benchmarks.bias.scorers import MaskedScorer, Scorer, scorer_for
from benchmarks.generation.__main__ import page
from benchmarks.generation.datasets import fingerprint
from benchmarks.generation.systems import Model, models, replies_of
from llm_component.checks.gate import Checks
from llm_component.encoder import load_encoder
from llm_component.engines.build import build_engine
from llm_component.evaluation import bootstrap
from llm_component.evaluation.cases import EvaluationError, sample
from llm_component.evaluation.measures import Measure
from llm_component.evaluation.run import Options, Row
from llm_component.models.files import ModelError
from llm_component.settings import SettingsError
from llm_component.training.data.readers import VARIABLE

SETS = ("crows_pairs", "bbq", "winogender", "toxicity")
NOTES = """\
Made by `make bench-bias` (benchmarks/bias). What each figure means, and what it does not: docs/bias.md.

- `crows_pairs`: share of pairs in which the stereotypical sentence is the likelier one; 0.5 is no preference.
- `bbq`: answers chosen by likelihood among three. `bias_score` from -1 to 1, 0 is no lean.
- `winogender`: how much likelier a sentence is with "she" than with "he" (nats), where the pronoun stands for the
  person with the occupation, and how that goes with the share of women in the occupation.
- `toxicity`: share of answers to rude customers that say a word of a list.
"""


@dataclass
class Run:
    """What all parts share."""

    data: Path | None
    limit: int
    options: Options
    rows: list[Row] = field(default_factory=list)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def found(self, name: str, files: Callable[[Path], list[Path]]) -> bool:
        """Whether a data set is there; says so where it is not."""
        there = [] if self.data is None else files(self.data)
        if not there or not all(file.is_file() for file in there):
            progress(f"{name}: left out, its data set is not under --data or {VARIABLE}")
            return False
        self.fingerprints[name] = fingerprint(there)
        return True

    def sampled(self, cases: Sequence) -> list:
        """As many as the limit allows."""
        return sample(cases, self.limit, self.options.seed)

    def mean(self, dataset: str, system: str, metric: str, values: Sequence[float], unit: str = "") -> None:
        """A row with the mean of one value an example."""
        if values:
            interval = bootstrap.mean_interval(values, samples=self.options.samples, seed=self.options.seed)
            self.rows.append(Row.of(dataset, system, Measure.of(metric, interval, len(values), unit)))

    def statistic(self, dataset: str, system: str, metric: str, count: int, value: bootstrap.Statistic) -> None:
        """A row with any score over `count` examples."""
        if count:
            interval = bootstrap.interval_of(count, value, samples=self.options.samples, seed=self.options.seed)
            self.rows.append(Row.of(dataset, system, Measure.of(metric, interval, count)))


def progress(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def crows_pairs(run: Run, system: str, scorer: Scorer) -> None:
    """The stereotype score, whole and by kind."""
    if not run.found("crows_pairs", lambda data: [sets.crows_pairs_file(data)]):
        return
    assert run.data is not None
    pairs = run.sampled(sets.crows_pairs(run.data))
    progress(f"crows_pairs: {len(pairs)} pairs, {system}")
    values = sets.prefers_more(pairs, scorer)
    run.mean("crows_pairs", system, "stereotype_score", values)
    for kind in sorted({pair.kind for pair in pairs}):
        chosen = [value for pair, value in zip(pairs, values, strict=True) if pair.kind == kind]
        run.mean(f"crows_pairs_{kind.replace('-', '_')}", system, "stereotype_score", chosen)


def bbq(run: Run, system: str, scorer: Scorer) -> None:
    """Accuracy and bias score in ambiguous and disambiguated contexts, whole and by category."""
    if not run.found("bbq", sets.bbq_files):
        return
    assert run.data is not None
    everything, left_out = sets.bbq(run.data)
    for category, count in left_out.items():
        progress(f"bbq: {count} cases of {category} are left out: which answer is the stereotype's is not known")
    cases = run.sampled(everything)
    progress(f"bbq: {len(cases)} questions, {system}")
    chosen = sets.choices(cases, scorer)
    groups = {"bbq": range(len(cases))}
    for category in sorted({case.category for case in cases}):
        indices = [number for number, case in enumerate(cases) if case.category == category]
        groups[f"bbq_{category.lower()}"] = indices  # type: ignore[assignment]
    for name, indices in groups.items():
        mine = [cases[index] for index in indices]
        answers = [chosen[index] for index in indices]
        for ambiguous, context in ((True, "ambiguous"), (False, "disambiguated")):
            for metric, score in ((f"accuracy_{context}", sets.bbq_accuracy), (f"bias_score_{context}", sets.bbq_bias)):

                def value(drawn, mine=mine, answers=answers, score=score, ambiguous=ambiguous):
                    return score([mine[one] for one in drawn], [answers[one] for one in drawn], ambiguous=ambiguous)

                # Drawn often for the whole set alone: the parts are many.
                if name == "bbq":
                    run.statistic(name, system, metric, len(mine), value)
                else:
                    plain = value(range(len(mine)))
                    run.rows.append(Row(name, system, metric, plain, "", plain, plain, len(mine)))


def winogender(run: Run, system: str, scorer: Scorer) -> None:
    """How much "she" is preferred to "he" by occupation, and whether that follows the occupation's people."""
    if not run.found("winogender", lambda data: [sets.winogender_file(data)]):
        return
    assert run.data is not None
    cases = [case for case in sets.winogender(run.data) if case.to_occupation]
    progress(f"winogender: {len(cases)} sentences, {system}")
    leans = sets.female_leans(cases, scorer)
    run.mean("winogender", system, "female_less_male", leans, "nats")
    run.mean("winogender", system, "female_preferred", [float(lean > 0) for lean in leans])
    known = [(lean, case.women) for lean, case in zip(leans, cases, strict=True) if case.women is not None]

    def follows(drawn) -> float:
        return sets.correlation([known[one][0] for one in drawn], [float(known[one][1]) for one in drawn])

    run.statistic("winogender", system, "correlation_with_women_in_occupation", len(known), follows)


def rude_words(run: Run, model: Model) -> None:
    """Share of answers to rude turns with a word of the list: the model alone, and after the checks."""
    cases = run.sampled(toxicity.cases())
    progress(f"toxicity: {len(cases)} turns, {model.name}")
    run.fingerprints["toxicity"] = report.data_hash([toxicity.OWN])
    words = toxicity.pattern(toxicity.lines(toxicity.WORDS))
    replies = replies_of(model, cases, run.options, Checks(load_encoder()))
    for system, texts in (
        (model.name, [reply.text for reply in replies]),
        (f"{model.name}_model_alone", [reply.raw for reply in replies]),
    ):
        run.mean(
            "toxicity", system, "answers_with_rude_words", [float(bool(toxicity.rude(text, words))) for text in texts]
        )


def arguments_of(said: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help="folder of the data sets")
    parser.add_argument(
        "--model", action="append", metavar="MODEL", help="shipped (default), a folder or a hub id; may be repeated"
    )
    parser.add_argument("--only", action="append", choices=SETS, help="these sets; may be repeated")
    parser.add_argument("--limit", type=int, default=0, help="examples of each set, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--name", default="bias", help="of the result files")
    return parser.parse_args(said)


def main(said: Sequence[str] | None = None) -> int:
    arguments = arguments_of(said)
    began = time.monotonic()
    wanted = arguments.only or SETS
    data = Path(arguments.data).expanduser() if arguments.data else None
    options = Options(samples=arguments.samples, seed=arguments.seed, progress=progress)
    run = Run(data, arguments.limit, options)
    parts = {"crows_pairs": crows_pairs, "bbq": bbq, "winogender": winogender}
    try:
        for model in models(arguments.model or [""]):
            if not model.settings.model and build_engine(model.settings) is None:
                raise EvaluationError("no model is shipped: name one with --model")
            _, scorer = scorer_for(model.settings)
            for name in wanted:
                if name in parts:
                    parts[name](run, model.name, scorer)
            if "toxicity" in wanted and not isinstance(scorer, MaskedScorer):
                rude_words(run, model)
    except (EvaluationError, ModelError, SettingsError) as error:
        print(f"bench-bias: {error}", file=sys.stderr)
        return 2
    if not run.rows:
        print("bench-bias: nothing was measured; unpack the data sets and name their folder", file=sys.stderr)
        return 2
    seconds = time.monotonic() - began
    path = report.write(arguments.name, run.rows, seed=arguments.seed, data=run.fingerprints, seconds=seconds)
    limit = f"At most {run.limit} examples of each set, drawn by seed {arguments.seed}.\n\n" if run.limit else ""
    text = f"# Bias\n\n{NOTES}\n{limit}{page(run.rows)}\nMachine: {report.machine()}. Commit {report.commit()}.\n"
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(page(run.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
