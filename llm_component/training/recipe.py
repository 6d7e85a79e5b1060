"""`make model`: the compact model that ships, made anew from the sentence encoder, the data and a seed.

Four steps, each a command that can be run alone. A step that is done is not done again, one that was stopped goes on:

1. examples of a shop are made (`llm_component.training.data.shop`) and written down;
2. `pretrain --objective denoise` makes the vocabulary, starts from the encoder's weights and learns to copy and mend;
3. `finetune --task all` learns answers with citations, abstention, questions made whole, and summaries;
4. the weights are packed as int8, checked, and put where the server looks for its default model.

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

from llm_component.compact.source import Limits
from llm_component.models.compact import SHIPPED
from llm_component.training.checkpoints import found
from llm_component.training.data.example_files import write_examples
from llm_component.training.data.readers import VARIABLE, as_text, data_root
from llm_component.training.data.shop import ShopExamples
from llm_component.training.errors import TrainingError
from llm_component.training.result import FILE

VOCABULARY = 8000
SHOP_EXAMPLES = 60_000
TEXTS = 6_000  # of these examples, as running text for the first stage and the vocabulary
DENOISING_UPDATES = 60
ANSWERING_UPDATES = 5_400
# Share of each source in what is answered. The sets' own evaluation parts are kept out.
SETS = {"doc2dial_qga": 0.16, "dstc9_track1": 0.05}
SHOP_SHARE = 0.79
EVALUATION = ("doc2dial_val", "dstc9_track1")
PRETRAIN = (
    f"--objective denoise --architecture compact --warm-start --train-tokenizer {VOCABULARY} --width 384 --layers 6 "
    "--decoder-layers 3 --heads 12 --length 96 --batch-tokens 2560 --learning-rate 1e-3 --encoder-learning-rate 2e-4 "
    "--evaluate-every 100 --save-every 100 --keep-checkpoints 1"
)
FINETUNE = (
    "--task all --dropout 0 --batch-tokens 2560 --learning-rate 8e-4 --encoder-learning-rate 2e-4 --warmup-steps 60 "
    "--target 160 --evaluate-every 300 --evaluate-rows 240 --save-every 200 --keep-checkpoints 1"
)


def sets_at_hand(said: str) -> tuple[str, dict[str, float]]:
    """The folder of the data sets and the sets in it; ("", {}) where no folder is named."""
    if not said and not os.environ.get(VARIABLE):
        return "", {}
    root = data_root(said)
    return str(root), {name: share for name, share in SETS.items() if (root / name).is_dir()}


def make_examples(parsed: argparse.Namespace) -> Path:
    """The shop's examples as a file, and some of them as texts beside it; done once for a seed."""
    folder = parsed.out / "examples"
    file, texts = folder / f"shop-{parsed.seed}.jsonl", folder / "texts"
    if file.is_file():
        return file
    say(f"Making {parsed.examples:,} examples of a shop.")
    texts.mkdir(parents=True, exist_ok=True)
    examples = ShopExamples(parsed.seed, articles=parsed.articles, catalogue=parsed.catalogue)
    with (texts / "shop.jsonl").open("w", encoding="utf-8") as written:
        for example in islice(examples.stream(), min(TEXTS, parsed.examples)):
            written.write(json.dumps({"text": as_text(example)}, ensure_ascii=False) + "\n")
    unfinished = file.with_suffix(".unfinished")
    write_examples(islice(examples.stream(), parsed.examples), unfinished)
    unfinished.rename(file)
    return file


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
        size = save_compact(trained, tokenizer, folder, {"stages": said})
        load_compact(folder)
    return size


def say(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def make(parsed: argparse.Namespace) -> int:
    """All steps; returns the bytes of the packed weights."""
    shop = make_examples(parsed)
    root, sets = sets_at_hand(parsed.data_root)
    if len(sets) < len(SETS):
        missing = ", ".join(sorted(SETS.keys() - sets.keys()))
        say(f"Without {missing}: only the shop's examples stand for them (name the data sets' folder: --data-root).")
    rooted = ["--data-root", root, "--seed", str(parsed.seed)] if root else ["--seed", str(parsed.seed)]
    seed = ["--seed", str(parsed.seed)]
    rooted = ["--data-root", root] if root else []
    articles = [str(parsed.articles)] if parsed.articles else []
    texts = ["--text", str(shop.parent / "texts"), *articles, *(["--sets", *sets] if sets else [])]
    steps = ["--steps", str(parsed.denoising_updates)]
    base = train("pretrain", parsed.out / "denoise", [*texts, *rooted, *seed, *steps, *shlex.split(PRETRAIN)])
    data = ["--data", f"{shop}={SHOP_SHARE}", *(f"{name}={share}" for name, share in sets.items())]
    clean = [name for name in EVALUATION if root and (Path(root) / name).is_dir()]
    data += ["--decontaminate", *clean] if clean else []
    steps = ["--model", str(base), "--steps", str(parsed.updates)]
    tuned = train("finetune", parsed.out / "answer", [*data, *rooted, *seed, *steps, *shlex.split(FINETUNE)])
    size = pack(tuned, [base, tuned], parsed.packed)
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
