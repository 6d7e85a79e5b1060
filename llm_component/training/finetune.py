"""Fine-tuning: classes of texts, grounded answers, handoff summaries; all weights, or LoRA adapters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llm_component.compact.configuration import CompactConfig
from llm_component.compact.source import Limits
from llm_component.protocol import Profile
from llm_component.training import models
from llm_component.training.data.contamination import Contamination, Overlap
from llm_component.training.data.corpus import for_evaluation
from llm_component.training.data.example_files import read_examples
from llm_component.training.data.examples import Example
from llm_component.training.data.labelled import read_labelled
from llm_component.training.data.licences import Licence, check, licence_of, own
from llm_component.training.data.mixing import Mixture
from llm_component.training.data.readers import DATA_SETS, data_root, read
from llm_component.training.encoding import CausalEncoding, CompactEncoding, Encoding, WrittenEncoding
from llm_component.training.errors import TrainingError
from llm_component.training.finetune_config import FinetuneConfig
from llm_component.training.lora import with_adapter
from llm_component.training.objectives.causal import NextToken
from llm_component.training.objectives.classes import TextClass
from llm_component.training.objectives.written import WrittenText
from llm_component.training.options import weighted
from llm_component.training.precision import in_bf16
from llm_component.training.result import Origin
from llm_component.training.rows import ListedRows, Row, RowSource
from llm_component.training.session import Prepared, Session

TASKS = {"dialogue": {"answer", "rewrite"}, "summarise": {"summary"}, "all": {"answer", "rewrite", "summary"}}


def prepare(session: Session) -> Prepared:
    """Data, model and rows of a run."""
    config = session.config
    assert isinstance(config, FinetuneConfig)
    names = [weighted(said) for said in config.data]
    licences = [_licence(name, config) for name, _ in names]
    check(licences, research_only=config.research_only)
    folder = models.folder_of(config.model)
    tokenizer = models.tokenizer_of(folder)
    if config.task == "classify":
        return _classes(session, folder, tokenizer, names, licences)

    encoder_decoder = models.is_encoder_decoder(folder)
    encoding = _encoding(config, folder, tokenizer, encoder_decoder)
    listed, checks = _examples(session, names)
    sources = [_rows(examples, encoding) for examples in listed]
    left_out = sum(map(len, listed)) - sum(map(len, sources))
    for (name, _), rows in zip(names, sources, strict=True):
        if not rows:
            raise TrainingError(
                f"{name} has nothing for the task {config.task} that this model can learn; leave it out"
            )
    evaluation = _rows(checks[: config.evaluate_rows], encoding)
    session.journal.say(
        f"Examples: {sum(map(len, sources)):,} to train on, {len(evaluation):,} to evaluate with, {left_out:,} that "
        f"do not fit the model or its tasks."
    )
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    dtype = torch.float32
    if config.lora and session.parallel.device.type == "cuda" and in_bf16(config.precision, session.parallel.device):
        dtype = torch.bfloat16  # what is not trained needs no fp32 copy
    model = models.load(AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM, folder, dtype=dtype)
    if config.dropout >= 0:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = config.dropout
    if config.lora:
        model = with_adapter(model, "SEQ_2_SEQ_LM" if encoder_decoder else "CAUSAL_LM", config)
    objective = (WrittenText if encoder_decoder else NextToken)(model, tokenizer)
    counted = {_shown(name): len(rows) for (name, _), rows in zip(names, sources, strict=True)}
    origin = Origin(config.model, licences, counted, digest(row for rows in sources for row in rows))
    return Prepared(objective, _mixed(sources, names, config.seed), evaluation, origin, _result_name(config))


def digest(rows: Iterator[Row]) -> str:
    """A hash over rows: two runs with the same one saw the same data."""
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(np.asarray([*row.ids, -1, *row.target, -2, row.label], dtype=np.int64).tobytes())
    return hashed.hexdigest()


def _result_name(config: FinetuneConfig) -> str:
    return "adapter" if config.lora else "model"


def _shown(name: str) -> str:
    return name if name in DATA_SETS else Path(name).name


def _licence(name: str, config: FinetuneConfig) -> Licence:
    if name in DATA_SETS:
        return licence_of(data_root(config.data_root), name)
    if not Path(name).exists():
        raise TrainingError(f"{name} is neither a file nor a data set; data sets are {', '.join(DATA_SETS)}")
    return own(Path(name))


def _encoding(config: FinetuneConfig, folder: Path, tokenizer: Any, encoder_decoder: bool) -> Encoding:
    made = models.config_of(folder)
    if isinstance(made, CompactConfig):
        limits = Limits.of(made)
        return CompactEncoding(tokenizer, replace(limits, target=min(config.target, limits.target)))
    if tokenizer.eos_token_id is None:
        raise TrainingError(f"the tokenizer in {folder} has no token that ends an answer; use another model")
    has = models.context_of(made)
    context = min(config.context, has) if has else config.context
    profile = Profile(shop_name=config.shop_name, abstention=config.abstention)
    return (WrittenEncoding if encoder_decoder else CausalEncoding)(tokenizer, profile, context, config.target)


def _read(name: str, config: FinetuneConfig, split: str) -> Iterator[Example]:
    tasks = TASKS[config.task]
    found = read(name, data_root(config.data_root), split) if name in DATA_SETS else read_examples(Path(name))
    return (example for example in found if example.task in tasks)


def _examples(session: Session, names: Sequence[tuple[str, float]]) -> tuple[list[list[Example]], list[Example]]:
    """Examples to train on, one list a source, and those to evaluate with."""
    config = session.config
    assert isinstance(config, FinetuneConfig)
    checks = [example for name in config.evaluation for example in _read(name, config, "evaluation")]
    known = None
    if config.decontaminate:
        root = data_root(config.data_root)
        known = Contamination.of(one for name in config.decontaminate for one in read(name, root, "evaluation"))
    listed: list[list[Example]] = []
    for name, _ in names:
        overlap = Overlap()
        found = _read(name, config, "training")
        kept = list(known.without(found, overlap) if known else found)
        if known:
            session.journal.say(f"{name}: {overlap.overlapping:,} of {overlap.looked_at:,} left out for their overlap")
        listed.append(kept)
    if checks or not config.evaluation_share:
        return listed, checks
    kept_apart: list[list[Example]] = []
    for examples in listed:
        kept_apart.append([])
        for one in examples:
            apart = for_evaluation(one.question + one.target, config.evaluation_share)
            (checks if apart else kept_apart[-1]).append(one)
    return kept_apart, checks


def _rows(examples: Sequence[Example], encoding: Encoding) -> list[Row]:
    return [row for example in examples if (row := encoding.row(example)) is not None]


def _mixed(sources: Sequence[list[Row]], names: Sequence[tuple[str, float]], seed: int) -> RowSource:
    weights = [weight for _, weight in names]
    if len(set(weights)) == 1:
        return ListedRows([row for rows in sources for row in rows], seed)
    return Mixture([ListedRows(rows, seed + number) for number, rows in enumerate(sources)], weights, seed)


def _classes(
    session: Session, folder: Path, tokenizer: Any, names: Sequence[tuple[str, float]], licences: list[Licence]
) -> Prepared:
    from transformers import AutoModelForSequenceClassification

    config = session.config
    assert isinstance(config, FinetuneConfig)
    pairs = [list(dict.fromkeys(read_labelled(Path(name)))) for name, _ in names]
    labels = sorted({label for listed in pairs for _, label in listed})
    if len(labels) < 2:
        raise TrainingError(f"there is one class only, {labels[0]}; a classifier needs two or more")
    known = {label: number for number, label in enumerate(labels)}
    made = models.config_of(folder)
    model = models.load(
        AutoModelForSequenceClassification,
        folder,
        new_parts=True,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id=known,
        ignore_mismatched_sizes=True,
    )
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    most = min(config.context, models.context_of(made) or config.context)

    def row(text: str, label: str) -> Row:
        ids = tokenizer(text, truncation=True, max_length=most, verbose=False)["input_ids"]
        if isinstance(made, CompactConfig):
            ids = [tokenizer.cls_token_id, *ids[: most - 1]]
        return Row(ids=ids, label=known[label])

    checks = [pair for name in config.evaluation for pair in read_labelled(Path(name))]
    unknown = sorted({label for _, label in checks} - known.keys())
    if unknown:
        raise TrainingError(f"the evaluation has the class {unknown[0]}, which the data to train on has not")
    if not config.evaluation:
        share = config.evaluation_share
        checks = [pair for listed in pairs for pair in listed if for_evaluation(pair[0], share)]
        pairs = [[pair for pair in listed if not for_evaluation(pair[0], share)] for listed in pairs]
    sources = [[row(*pair) for pair in listed] for listed in pairs]
    if config.lora:
        model = with_adapter(model, "SEQ_CLS", config)
    session.journal.say(f"Texts: {sum(map(len, sources)):,} of {len(labels)} classes; for evaluation {len(checks):,}.")
    counted = {_shown(name): len(rows) for (name, _), rows in zip(names, sources, strict=True)}
    origin = Origin(config.model, licences, counted, digest(one for rows in sources for one in rows))
    evaluation = [row(*pair) for pair in checks[: config.evaluate_rows]]
    return Prepared(
        TextClass(model, tokenizer), _mixed(sources, names, config.seed), evaluation, origin, _result_name(config)
    )
