"""`python -m rasa_addons.routing calibrate`: chooses the router's thresholds on examples of each kind of turn.

Each example is scored by models that were fitted without it; the thresholds go into the file that config.yml names,
their curve into benchmarks/results. Run it after a change of the training data, the examples or the encoder, then
`make train`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rasa_addons.routing.calibration import Calibration, calibrate
from rasa_addons.routing.model import train_routing_model
from rasa_addons.routing.turns import read_folder

COMPONENT = "rasa_addons.routing.component.Router"
RESULTS = Path("benchmarks/results")
MOST_LOST = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the status of the process."""
    parser = argparse.ArgumentParser(prog="python -m rasa_addons.routing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("calibrate", help="choose the thresholds and write them down with their curve")
    command.add_argument("--config", type=Path, default=Path("config.yml"), help="names the encoder, files and slots")
    command.add_argument("--nlu", type=Path, default=Path("data/nlu"), help="the training messages of the dialogue")
    command.add_argument("--examples", type=Path, help="folder with examples of each kind; else that of config.yml")
    command.add_argument("--results", type=Path, default=RESULTS, help="folder for the curve as JSON and as a plot")
    command.add_argument(
        "--most-lost", type=float, default=MOST_LOST, help="share of turns in scope that may go to the knowledge base"
    )
    options = parser.parse_args(arguments)
    config = router_config(options.config)
    if options.examples:
        config["examples"] = str(options.examples)
    calibration = run(config, options.nlu, options.most_lost)
    calibration.write(Path(config["calibration"]))
    write_curve(calibration, options.results)
    print(f"thresholds: {calibration.thresholds}\nheld out:   {calibration.rates}\n-> {config['calibration']}")
    return 0


def router_config(path: Path) -> dict[str, Any]:
    """The settings of the Router in a config.yml, with the defaults of what it leaves out."""
    from rasa_addons.routing.component import Router

    pipeline = yaml.safe_load(path.read_text(encoding="utf-8"))["pipeline"]
    entry = next((entry for entry in pipeline if entry["name"] == COMPONENT), None)
    if entry is None:
        raise SystemExit(f"{path} has no {COMPONENT} in its pipeline")
    return {**Router.get_default_config(), **entry}


def run(config: dict[str, Any], nlu: Path, most_lost: float) -> Calibration:
    """Encodes all examples, scores each held out, and chooses the thresholds."""
    from rasa.shared.nlu.training_data.loading import load_data

    from rasa_addons.routing.component import intent_example, routing_settings
    from rasa_addons.shared_encoder import encoder_name, shared_encoder

    examples = [intent_example(message) for message in load_data(str(nlu)).intent_examples]
    turns = read_folder(Path(config["examples"]))
    # Texts of like length together need little padding.
    texts = sorted(
        {example.text for example in examples} | {turn.text for turn in turns}, key=lambda text: (len(text), text)
    )
    print(f"encoding {len(texts)} texts ...", file=sys.stderr)
    vectors: dict[str, np.ndarray] = dict(zip(texts, shared_encoder(encoder_name(config)).encode(texts), strict=True))
    print("fitting ...", file=sys.stderr)
    settings = routing_settings(config)
    _, training = train_routing_model(examples, turns, vectors, settings)
    return calibrate(training.turns, training.held_out(settings), training.weights, most_lost)


def write_curve(calibration: Calibration, folder: Path) -> None:
    """`routing_calibration.json` and `.png`: both mistakes and the accuracy over the threshold of the dialogue."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"dataset": "routing_examples_held_out", "system": "frontdesk", "metric": f"{name}_at_{point['in_scope_from']}",
         "value": value, "unit": ""}
        for point in calibration.curve
        for name, value in point.items()
        if name != "in_scope_from"
    ]  # fmt: skip
    document = {
        "meta": {"thresholds": vars(calibration.thresholds), "temperature": calibration.temperature},
        "rows": rows,
    }
    (folder / "routing_calibration.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    figure, axes = pyplot.subplots(figsize=(7, 4))
    along = [point["in_scope_from"] for point in calibration.curve]
    for name, label in (
        ("accuracy", "right decisions"),
        ("in_scope_to_model", "in scope, sent to the knowledge base"),
        ("open_into_dialogue", "open questions, forced into the dialogue"),
    ):
        axes.plot(along, [point[name] for point in calibration.curve], label=label)
    axes.axvline(calibration.thresholds.in_scope_from, color="grey", linestyle=":", label="chosen")
    axes.set(xlabel="in_scope_from", ylabel="share of turns", ylim=(0, 1), title="Held-out examples of routing")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / "routing_calibration.png", dpi=110)


if __name__ == "__main__":
    sys.exit(main())
