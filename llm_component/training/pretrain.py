"""Pretraining: masked words with next sentences, the next word, or denoising; from scratch or from a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from llm_component.compact.configuration import CompactConfig
from llm_component.training import models
from llm_component.training.data import corpus as corpora
from llm_component.training.data.denoising import DenoisedRows, span_mask_id
from llm_component.training.data.duplicates import Deduplicator
from llm_component.training.data.licences import Licence, check, licence_of, own
from llm_component.training.data.masking import MaskedPairs, Masking
from llm_component.training.data.packing import PackedRows
from llm_component.training.data.readers import as_text, data_root, read
from llm_component.training.data.texts import documents, text_files
from llm_component.training.errors import TrainingError
from llm_component.training.objective import Objective
from llm_component.training.objectives.causal import NextToken
from llm_component.training.objectives.masked import CompactMaskedWords, MaskedWords
from llm_component.training.objectives.written import WrittenText
from llm_component.training.own_tokenizer import train_tokenizer
from llm_component.training.pretrain_config import PretrainConfig
from llm_component.training.result import Origin
from llm_component.training.rows import RowSource
from llm_component.training.session import Prepared, Session

NEW = {"mlm": "bert", "causal": "llama", "denoise": "compact"}


def prepare(session: Session) -> Prepared:
    """Texts, tokenizer, corpus, model and rows of a run."""
    config = session.config
    assert isinstance(config, PretrainConfig)
    licences = _licences(config)
    check(licences, research_only=config.research_only)
    architecture = config.architecture or NEW[config.objective]
    with session.first_alone():
        tokenizer = _tokenizer(config, architecture, session.out / "tokenizer")
        separator = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
        if separator is None:
            raise TrainingError("this tokenizer has no token that ends a text; use another")
        counted: dict[str, int] = {}
        deduplicator = Deduplicator()
        texts = deduplicator.kept(_texts(config, counted)) if config.deduplicate else _texts(config, counted)
        training, evaluation = corpora.build(
            texts,
            tokenizer,
            int(separator),
            session.out / "corpus",
            _key(config, tokenizer),
            evaluation_share=config.evaluation_share,
        )
    session.journal.say(
        f"Corpus: {len(training):,} documents, {len(training.tokens):,} tokens; for evaluation {len(evaluation):,}. "
        f"Seen before and left out: {deduplicator.removed.paragraphs:,} paragraphs, "
        f"{deduplicator.removed.near:,} documents."
    )
    model = _model(config, architecture, tokenizer)
    _check_length(config, model)
    objective = _objective(config, model, tokenizer)
    rows = _rows(config, training, tokenizer, model)
    checks = (
        list(islice(_rows(config, evaluation, tokenizer, model).rows(0), config.evaluate_rows))
        if len(evaluation)
        else []
    )
    origin = Origin(config.model or f"new {architecture}", licences, counted, _digest(training))
    return Prepared(objective, rows, list(islice(checks, config.evaluate_rows)), origin)


def _licences(config: PretrainConfig) -> list[Licence]:
    found = [own(Path(path)) for path in config.text]
    if config.sets:
        root = data_root(config.data_root)
        found += [licence_of(root, name) for name in config.sets]
    return found


def _texts(config: PretrainConfig, counted: dict[str, int]) -> Iterator[str]:
    for path in map(Path, config.text):
        for text in documents(path):
            counted[path.name] = counted.get(path.name, 0) + 1
            yield text
    for name in config.sets:
        for example in read(name, data_root(config.data_root)):
            counted[name] = counted.get(name, 0) + 1
            yield as_text(example)


def _tokenizer(config: PretrainConfig, architecture: str, folder: Path) -> Any:
    if config.model:
        return models.tokenizer_of(models.folder_of(config.model))
    if config.tokenizer:
        return models.tokenizer_of(models.folder_of(config.tokenizer))
    if not (folder / "tokenizer.json").is_file():
        kind = "compact" if architecture == "compact" else {"mlm": "masked"}.get(config.objective, config.objective)
        train_tokenizer(kind, lambda: _texts(config, {}), config.train_tokenizer, config.length).save_pretrained(folder)
    return models.tokenizer_of(folder)  # read back, so that a run that goes on has the very same one


def _key(config: PretrainConfig, tokenizer: Any) -> str:
    """Changes with whatever the corpus depends on."""
    files = [file for path in config.text for file in text_files(Path(path))]
    listed = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    vocabulary = sorted(tokenizer.get_vocab().items())
    parts = [listed, config.sets, config.data_root, config.deduplicate, config.evaluation_share, vocabulary]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest(corpus: corpora.Corpus) -> str:
    return hashlib.sha256(corpus.tokens.tobytes()).hexdigest()


def _auto(config: PretrainConfig, compact: bool) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForPreTraining, AutoModelForSeq2SeqLM

    if config.objective == "causal":
        return AutoModelForCausalLM
    return AutoModelForSeq2SeqLM if compact or config.objective == "denoise" else AutoModelForPreTraining


def _model(config: PretrainConfig, architecture: str, tokenizer: Any) -> Any:
    if config.model:
        folder = models.folder_of(config.model)
        compact = isinstance(models.config_of(folder), CompactConfig)
        return models.load(_auto(config, compact), folder, new_parts=config.objective == "mlm")
    sizes = {"width": config.width, "layers": config.layers, "decoder_layers": config.decoder_layers}
    made = models.new_config(
        architecture, sizes | {"heads": config.heads, "positions": max(512, config.length)}, tokenizer
    )
    model = models.build(_auto(config, architecture == "compact"), made, config.seed)
    if config.warm_start:
        _start_from_encoder(model, tokenizer)
    return model


def _start_from_encoder(model: Any, tokenizer: Any) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    from llm_component.compact.vocabulary import INSIDE, PLAIN
    from llm_component.compact.warm_start import start_from_bert
    from llm_component.encoder import packaged_folder

    if not isinstance(model.config, CompactConfig):
        raise TrainingError("--warm-start is for --architecture compact")
    folder = packaged_folder()
    if folder is None:
        raise TrainingError("the packaged sentence encoder is not installed; leave --warm-start out")
    known = AutoTokenizer.from_pretrained(str(folder)).get_vocab()

    def start(piece: str) -> int | None:
        plain = piece.removeprefix(INSIDE)
        lowered = PLAIN.get(plain, plain).lower()
        inside = known.get(INSIDE + lowered) if piece.startswith(INSIDE) else None
        return known.get(piece, inside if inside is not None else known.get(lowered))

    starts = {number: start(piece) for piece, number in tokenizer.get_vocab().items()}
    try:
        start_from_bert(model, load_file(str(folder / "model.safetensors")), starts)
    except (ValueError, KeyError) as error:
        raise TrainingError(
            f"the sentence encoder's weights do not fit ({error}); use --width 384 --heads 12 --layers 6"
        ) from error


def _check_length(config: PretrainConfig, model: Any) -> None:
    most = models.context_of(model.config)
    room = most - 2 if config.objective == "denoise" else most  # prefix and end
    if most and config.length > room:
        raise TrainingError(f"--length {config.length} is more than the {room} tokens that this model can take")


def _objective(config: PretrainConfig, model: Any, tokenizer: Any) -> Objective:
    if config.objective == "causal":
        return NextToken(model, tokenizer)
    if config.objective == "denoise":
        return WrittenText(model, tokenizer)
    if tokenizer.mask_token_id is None:
        raise TrainingError("this tokenizer has no mask token, which mlm needs; train one: --train-tokenizer 8000")
    if isinstance(model.config, CompactConfig):
        compact = CompactMaskedWords(model, tokenizer, config.next_sentence)
        if config.model:
            compact.load_heads(models.folder_of(config.model))
        return compact
    if config.next_sentence and not hasattr(getattr(model, "cls", None), "seq_relationship"):
        raise TrainingError(f"{type(model).__name__} has no next-sentence head: add --no-next-sentence")
    return MaskedWords(model, tokenizer, config.next_sentence)


def _rows(config: PretrainConfig, corpus: corpora.Corpus, tokenizer: Any, model: Any) -> RowSource:
    if config.objective == "mlm":
        start, end = int(tokenizer.cls_token_id), int(tokenizer.sep_token_id)
        masking = Masking.of(tokenizer, config.masked_share)
        pairs = config.next_sentence
        return MaskedPairs(corpus, masking, start=start, end=end, length=config.length, seed=config.seed, pairs=pairs)
    packed = PackedRows(corpus, config.length, config.seed)
    if config.objective == "causal":
        return packed
    compact = isinstance(model.config, CompactConfig)
    return DenoisedRows(
        packed,
        mask_id=span_mask_id(tokenizer),
        prefix=[int(tokenizer.cls_token_id)] if compact else [],
        end=int(tokenizer.eos_token_id),
        share=config.masked_share,
        seed=config.seed,
    )
