"""`make model`: the compact model that ships, made anew from the sentence encoder, the data and a seed.

Five steps, each a command that can be run alone. A step that is done is not done again, one that was stopped goes on:

1. examples of a shop are made (`llm_component.training.data.shop`) and written down;
2. `pretrain --objective denoise` makes the vocabulary, starts from the encoder's weights and learns to copy and mend;
3. `finetune --task all` learns answers with citations, abstention, questions made whole, and summaries;
4. `finetune` again, on new examples, of which more are people's own and fewer without an answer;
5. the weights are packed as int8, checked, and put where the server looks for its default model.

    python -m llm_component.training.recipe --data-root FOLDER --articles data/knowledge --catalogue products.json
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from llm_component.compact.source import TASKS, Limits
from llm_component.models.compact import SHIPPED
from llm_component.training.checkpoints import found
from llm_component.training.data.answering import UNANSWERABLE_SHARE
from llm_component.training.data.example_files import read_examples, write_examples
from llm_component.training.data.readers import VARIABLE, as_text, data_root
from llm_component.training.data.shop import ShopExamples
from llm_component.training.errors import TrainingError
from llm_component.training.result import FILE

VOCABULARY = 8000
SHOP_EXAMPLES = 60_000
REFINING_EXAMPLES = 50_000
TEXTS = 6_000  # of these examples, as running text for the first stage and the vocabulary
DENOISING_UPDATES = 60
ANSWERING_UPDATES = 5_400
REFINING_UPDATES = 4_400
# Share of each source in what is answered; the rest are the shop's. The sets' own evaluation parts are kept out.
SETS = {"doc2dial_qga": 0.16, "dstc9_track1": 0.05}
REFINING_SETS = {"doc2dial_qga": 0.25, "dstc9_track1": 0.07}
REFINING_UNANSWERABLE = 0.15  # of the shop's examples: nearer to what customers ask
# What was learned about the beginnings of answers is put right by these (llm_component.compact.opening, decision 0015).
OPENING = {"I": -2.0, "Yes": -30.0, "No": -30.0}
EVALUATION = ("doc2dial_val", "dstc9_track1")
PRETRAIN = (
    f"--objective denoise --architecture compact --warm-start --train-tokenizer {VOCABULARY} --width 384 --layers 6 "
    "--decoder-layers 3 --heads 12 --length 96 --batch-tokens 2560 --learning-rate 1e-3 --encoder-learning-rate 2e-4 "
    "--evaluate-every 100 --save-every 100 --keep-checkpoints 1"
)
FINETUNE = (
    "--task all --dropout 0 --batch-tokens 2560 --target 160 --evaluate-every 300 --evaluate-rows 240 --save-every 200 "
    "--keep-checkpoints 1"
)
ANSWER = "--learning-rate 8e-4 --encoder-learning-rate 2e-4 --warmup-steps 60"
REFINE = "--learning-rate 5e-4 --encoder-learning-rate 1.5e-4 --warmup-steps 40"


def sets_at_hand(said: str) -> tuple[str, dict[str, float]]:
    """The folder of the data sets and the sets in it; ("", {}) where no folder is named."""
    if not said and not os.environ.get(VARIABLE):
        return "", {}
    root = data_root(said)
    return str(root), {name: share for name, share in SETS.items() if (root / name).is_dir()}


def make_examples(parsed: argparse.Namespace, seed: int, count: int, unanswerable: float) -> Path:
    """The shop's examples as a file; done once for a seed."""
    file: Path = parsed.out / "examples" / f"shop-{seed}.jsonl"
    if file.is_file():
        return file
    say(f"Making {count:,} examples of a shop.")
    file.parent.mkdir(parents=True, exist_ok=True)
    examples = ShopExamples(seed, articles=parsed.articles, catalogue=parsed.catalogue, unanswerable_share=unanswerable)
    unfinished = file.with_suffix(".unfinished")
    write_examples(islice(examples.stream(), count), unfinished)
    unfinished.rename(file)
    return file


def make_texts(shop: Path) -> Path:
    """The first of the shop's examples as running texts, in a folder beside them."""
    folder = shop.parent / "texts"
    folder.mkdir(exist_ok=True)
    with (folder / "shop.jsonl").open("w", encoding="utf-8") as written:
        for example in islice(read_examples(shop), TEXTS):
            written.write(json.dumps({"text": as_text(example)}, ensure_ascii=False) + "\n")
    return folder


def train(verb: str, out: Path, arguments: Sequence[str]) -> Path:
    """Runs a stage as a command of its own, or goes on with it, and returns the folder of its model.

    Raises:
        TrainingError: it was stopped or failed; it has said why.
    """
    model = out / "model"
    if (model / FILE).is_file():
        say(f"{out.name}: done already.")
        return model
    command = [sys.executable, "-m", "llm_component", verb, "--out", str(out), *arguments]
    if found(out):
        command.append("--resume")
    say(f"{out.name}: {shlex.join(['python', *command[1:]])}")
    status = subprocess.run(command).returncode
    if status or not (model / FILE).is_file():
        raise TrainingError(
            f"the stage {out.name} was not finished (status {status}); the same command goes on with it"
        )
    return model


def pack(model: Path, stages: Sequence[Path], folder: Path) -> int:
    """Packs the trained weights into `folder`, with how each stage was trained, and returns their bytes.

    Raises:
        TrainingError: the packed model does not load, or was made from data that may not be passed on.
    """
    from llm_component.compact.modeling import CompactForConditionalGeneration
    from llm_component.compact.weights import load_compact, save_compact
    from llm_component.training.models import quiet, tokenizer_of

    said = {stage.parent.name: json.loads((stage / FILE).read_text(encoding="utf-8")) for stage in stages}
    if any(one["research_only"] for one in said.values()):
        raise TrainingError(f"{model} was trained on data for research only; it cannot be the default model")
    with quiet():
        trained = CompactForConditionalGeneration.from_pretrained(str(model))
        tokenizer = tokenizer_of(model)
        tokenizer.model_max_length = Limits.of(trained.config).source  # that of the first stage was its windows'
        known = tokenizer.get_vocab()
        trained.config.answer_token_id = known[TASKS["answer"]]
        trained.config.opening_shifts = {str(known[word]): shift for word, shift in OPENING.items() if word in known}
        size = save_compact(trained, tokenizer, folder, {"stages": said})
        load_compact(folder)
    return size


def say(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def make(parsed: argparse.Namespace) -> int:
    """All steps; returns the bytes of the packed weights."""
    root, sets = sets_at_hand(parsed.data_root)
    if len(sets) < len(SETS):
        missing = ", ".join(sorted(SETS.keys() - sets.keys()))
        say(f"Without {missing}: only the shop's examples stand for them (name the data sets' folder: --data-root).")
    shop = make_examples(parsed, parsed.seed, parsed.examples, UNANSWERABLE_SHARE)
    texts = ["--text", str(make_texts(shop)), *([str(parsed.articles)] if parsed.articles else [])]
    texts += ["--sets", *sets] if sets else []
    rooted = ["--data-root", root] if root else []
    seed = ["--seed", str(parsed.seed), "--steps", str(parsed.denoising_updates)]
    base = train("pretrain", parsed.out / "denoise", [*texts, *rooted, *seed, *shlex.split(PRETRAIN)])
    clean = [name for name in EVALUATION if root and (Path(root) / name).is_dir()]

    def tune(
        name: str, start: Path, seed: int, updates: int, examples: Path, shares: dict[str, float], rates: str
    ) -> Path:
        used = {name: share for name, share in shares.items() if name in sets}
        data = [
            "--data",
            f"{examples}={1 - sum(shares.values()):.2f}",
            *(f"{one}={share}" for one, share in used.items()),
        ]
        data += ["--decontaminate", *clean] if clean else []
        how = ["--seed", str(seed), "--model", str(start), "--steps", str(updates), *shlex.split(f"{rates} {FINETUNE}")]
        return train("finetune", parsed.out / name, [*data, *rooted, *how])

    answer = tune("answer", base, parsed.seed, parsed.updates, shop, SETS, ANSWER)
    more = make_examples(parsed, parsed.seed + 1, parsed.refining_examples, REFINING_UNANSWERABLE)
    refined = tune("refine", answer, parsed.seed + 1, parsed.refining_updates, more, REFINING_SETS, REFINE)
    size = pack(refined, [base, answer, refined], parsed.packed)
    say(f"Packed: {parsed.packed}, {size / 1e6:.1f} MB.")
    return size


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m llm_component.training.recipe", description=__doc__.splitlines()[0])
    made.add_argument("--out", type=Path, default=Path("runs/compact"), help="folder of examples and checkpoints")
    made.add_argument("--packed", type=Path, default=SHIPPED, help="folder of the finished model")
    made.add_argument("--data-root", default="", help=f"folder of the data sets; empty: {VARIABLE}, else none")
    made.add_argument("--articles", type=Path, help="folder of articles in Markdown")
    made.add_argument("--catalogue", type=Path, help="file of products (knowledge_base catalog export-facts)")
    made.add_argument("--examples", type=int, default=SHOP_EXAMPLES, help="of a shop, made by rule and chance")
    made.add_argument("--denoising-updates", type=int, default=DENOISING_UPDATES)
    made.add_argument("--updates", type=int, default=ANSWERING_UPDATES)
    made.add_argument("--refining-updates", type=int, default=REFINING_UPDATES)
    made.add_argument("--refining-examples", type=int, default=REFINING_EXAMPLES)
    made.add_argument("--seed", type=int, default=1)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the model. What cannot work: 2, with one sentence."""
    try:
        make(parser().parse_args(arguments))
    except (TrainingError, ValueError, OSError) as error:
        print(f"llm_component.training.recipe: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
