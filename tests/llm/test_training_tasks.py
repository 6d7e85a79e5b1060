"""Every objective and task learns something on a text that can be learned, and what it leaves can be loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from llm_component.compact.source import Limits, SourceBuilder
from llm_component.engines.interface import Grounding, GroundingPassage, Message
from llm_component.models.loading import load_model
from llm_component.protocol import Turn
from llm_component.settings import Settings
from llm_component.training.data.examples import Example, Passage
from llm_component.training.encoding import CausalEncoding, CompactEncoding
from llm_component.training.errors import TrainingError
from llm_component.training.finetune import prepare
from llm_component.training.finetune_config import FinetuneConfig
from llm_component.training.objectives.causal import NextToken
from llm_component.training.parallel import OneProcess
from llm_component.training.rows import IGNORED, Row
from llm_component.training.session import Session
from tests.llm import training_runs
from tests.llm.training_runs import finetune, pretrain


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_runs.write_texts(tmp_path_factory.mktemp("texts") / "text")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_runs.write_example_file(tmp_path_factory.mktemp("data") / "examples.jsonl")


@pytest.fixture(scope="module")
def tiny_compact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_runs.make_compact(tmp_path_factory.mktemp("compact") / "tiny-compact")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "texts.csv"
    lines = [f"how do I return my {name},return\nwhat does the {name} cost,price" for name in training_runs.PRODUCTS]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def falls(losses: list[float]) -> bool:
    return sum(losses[-3:]) < 0.9 * sum(losses[:3])


class TestPretraining:
    @pytest.mark.parametrize(
        ("objective", "architecture"),
        [("causal", "llama"), ("causal", "gpt2"), ("mlm", "bert"), ("mlm", "compact"), ("denoise", "compact")],
    )
    def test_the_loss_falls(self, tmp_path: Path, text: Path, objective: str, architecture: str) -> None:
        settings = {"learning_rate": 1e-2, "next_sentence": False, "train_tokenizer": 600}
        steps = 60 if objective == "mlm" else 40
        ran = pretrain(tmp_path / "run", text, objective=objective, architecture=architecture, steps=steps, **settings)
        assert falls(ran.losses)

    def test_a_masked_model_goes_on_from_its_result(self, tmp_path: Path, text: Path) -> None:
        settings: dict[str, Any] = {"objective": "mlm", "learning_rate": 1e-2, "next_sentence": False}
        first = pretrain(tmp_path / "first", text, steps=40, **settings)
        second = pretrain(tmp_path / "second", text, steps=3, model=str(first.out / "model"), **settings)
        assert second.losses[0] < 0.8 * first.losses[0]

    def test_the_compact_heads_go_on_too(self, tmp_path: Path, text: Path) -> None:
        settings: dict[str, Any] = {"objective": "mlm", "learning_rate": 1e-2}
        first = pretrain(tmp_path / "first", text, architecture="compact", steps=30, train_tokenizer=600, **settings)
        second = pretrain(tmp_path / "second", text, steps=3, model=str(first.out / "model"), **settings)
        assert second.losses[0] < 0.9 * first.losses[0]

    def test_a_result_is_served(self, tmp_path: Path, text: Path) -> None:
        ran = pretrain(tmp_path / "run", text, steps=2)
        assert load_model(Settings(model=str(ran.out / "model"), device="cpu")).kind == "causal"


class TestFineTuning:
    @pytest.mark.parametrize("kind", ["tiny_llama", "tiny_bart", "tiny_compact"])
    def test_grounded_answers_are_learned(
        self, tmp_path: Path, data: Path, request: pytest.FixtureRequest, kind: str
    ) -> None:
        settings: dict[str, Any] = {"steps": 30, "batch_tokens": 2048, "learning_rate": 3e-3}
        ran = finetune(tmp_path / "run", request.getfixturevalue(kind), data, **settings)
        assert falls(ran.losses)

    @pytest.mark.parametrize("kind", ["tiny_llama", "tiny_compact"])
    def test_summaries_are_learned(self, tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
        path = tmp_path / "summaries.jsonl"
        turn = {"role": "user", "content": "My kettle from order 1043 leaks."}
        line = {"task": "summary", "history": [turn], "target": "The kettle of order 1043 leaks."}
        path.write_text(json.dumps(line) + "\n", encoding="utf-8")
        ran = finetune(tmp_path / "run", request.getfixturevalue(kind), path, task="summarise", steps=20)
        assert falls(ran.losses)

    @pytest.mark.parametrize("kind", ["tiny_llama", "tiny_compact"])
    def test_classes_are_learned(
        self, tmp_path: Path, labelled: Path, request: pytest.FixtureRequest, kind: str
    ) -> None:
        model = request.getfixturevalue(kind)
        ran = finetune(
            tmp_path / "run", model, labelled, task="classify", evaluation=(str(labelled),), steps=40, evaluate_every=40
        )
        assert ran.outcome.evaluation["right"] >= 0.9

    def test_the_evaluation_is_measured(self, tmp_path: Path, data: Path, tiny_compact: Path) -> None:
        ran = finetune(tmp_path / "run", tiny_compact, data, steps=4, evaluate_every=2, evaluation=(str(data),))
        assert [line["step"] for line in ran.lines if "evaluation" in line] == [2, 4]


class TestAdapter:
    @pytest.fixture(scope="class")
    def adapter(self, tmp_path_factory: pytest.TempPathFactory, data: Path, tiny_llama: Path) -> Path:
        settings: dict[str, Any] = {"steps": 15, "batch_tokens": 2048, "learning_rate": 2e-2, "lora_rank": 4}
        ran = finetune(tmp_path_factory.mktemp("lora") / "run", tiny_llama, data, lora=True, **settings)
        assert ran.losses[-1] < ran.losses[0]
        return ran.out / "adapter"

    def logits(self, tiny_llama: Path, adapter: Path, name: str) -> torch.Tensor:
        settings = Settings(model=str(tiny_llama), device="cpu", dtype="fp32", adapters=f"shop={adapter}")
        loaded = load_model(settings)
        ids = torch.tensor([loaded.text_ids("How long can I return the kettle?")])
        with torch.inference_mode():
            return loaded.model(input_ids=ids, adapter_names=[name]).logits

    def test_it_is_loaded_by_name_and_changes_what_is_said(self, tiny_llama: Path, adapter: Path) -> None:
        plain, taught = (self.logits(tiny_llama, adapter, name) for name in ("__base__", "shop"))
        assert not torch.allclose(plain, taught, atol=1e-2)

    def test_the_model_itself_is_not_in_it(self, adapter: Path) -> None:
        assert not (adapter / "model.safetensors").exists()

    def test_an_adapter_on_the_compact_model(self, tmp_path: Path, tiny_compact: Path, data: Path) -> None:
        ran = finetune(tmp_path / "run", tiny_compact, data, lora=True, steps=12, learning_rate=2e-2)
        assert ran.losses[-1] < ran.losses[0] and (ran.out / "adapter" / "adapter_model.safetensors").is_file()


class TestRows:
    def test_only_the_answer_of_a_dialogue_is_learned(self, tiny_qwen: Path) -> None:
        from transformers import AutoTokenizer

        from llm_component.protocol import Profile

        tokenizer = AutoTokenizer.from_pretrained(tiny_qwen)
        encoding = CausalEncoding(tokenizer, Profile("the shop", "I don't know that."), 900, 100)
        row = encoding.row(training_runs.examples()[0])
        assert row is not None
        said = tokenizer.decode([label for label in row.labels if label != IGNORED])
        assert said == "7 days. [1]<|im_end|>"

    def test_positions_without_a_label_do_not_change_the_loss(self, tiny_llama: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        objective = NextToken(
            AutoModelForCausalLM.from_pretrained(tiny_llama), AutoTokenizer.from_pretrained(tiny_llama)
        ).eval()
        rows = [Row(ids=[5, 6, 7, 8], labels=[IGNORED, 7, 8, 9]), Row(ids=[5, 6], labels=[6, 7])]
        short = objective(objective.collate(rows))
        objective._leaves_out = False
        assert torch.allclose(short, objective(objective.collate(rows)), rtol=1e-5)

    def test_the_compact_model_learns_what_it_is_served(self, tiny_compact: Path) -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(tiny_compact)
        example = Example(
            "answer",
            "And then?",
            "Yes. [1]",
            history=(Turn("user", "Hi"), Turn("assistant", "Hello")),
            facts={"order": "1043"},
            passages=(Passage("Returns", "How", "In 30 days."),),
        )
        request = Grounding(
            task="answer",
            question="And then?",
            history=(Message("user", "Hi"), Message("assistant", "Hello")),
            facts=(("order", "1043"),),
            passages=(GroundingPassage("Returns", "How", "In 30 days."),),
        )
        row = CompactEncoding(tokenizer, Limits()).row(example)
        assert row is not None
        assert tuple(row.ids) == SourceBuilder(tokenizer).build(request).ids
        assert row.target[-1] == tokenizer.eos_token_id

    def test_an_example_without_a_question_is_left_out(self, tiny_compact: Path) -> None:
        from transformers import AutoTokenizer

        encoding = CompactEncoding(AutoTokenizer.from_pretrained(tiny_compact), Limits())
        assert encoding.row(Example("answer", "  ", "Yes. [1]")) is None
        assert encoding.row(Example("summary", "", "Nothing.", history=(Turn("assistant", "Hello"),))) is None


def test_dropout_of_a_run_stands_for_the_models_own(tmp_path: Path, tiny_compact: Path, data: Path) -> None:
    config = FinetuneConfig(model=str(tiny_compact), data=(str(data),), out=str(tmp_path), dropout=0.0)
    session = Session(config, OneProcess(torch.device("cpu")))
    prepared = prepare(session)
    shares = {module.p for module in prepared.objective.modules() if isinstance(module, torch.nn.Dropout)}
    assert shares == {0.0}
    kept = prepare(Session(replace(config, dropout=-1.0), OneProcess(torch.device("cpu"))))
    assert {module.p for module in kept.objective.modules() if isinstance(module, torch.nn.Dropout)} == {0.1}


class TestMistakes:
    def test_a_model_that_is_not_there(self, tmp_path: Path, data: Path) -> None:
        with pytest.raises(TrainingError, match="there is no folder"):
            finetune(tmp_path / "run", tmp_path / "none", data)

    def test_data_that_is_not_there(self, tmp_path: Path, tiny_compact: Path) -> None:
        with pytest.raises(TrainingError, match="neither a file nor a data set"):
            finetune(tmp_path / "run", tiny_compact, tmp_path / "none.jsonl")

    def test_data_without_the_task(self, tmp_path: Path, tiny_compact: Path, data: Path) -> None:
        with pytest.raises(TrainingError, match="nothing for the task summarise"):
            finetune(tmp_path / "run", tiny_compact, data, task="summarise")

    def test_masked_words_without_a_mask(self, tmp_path: Path, text: Path, tiny_llama: Path) -> None:
        with pytest.raises(TrainingError, match=r"PreTraining|no mask token"):
            pretrain(tmp_path / "run", text, objective="mlm", model=str(tiny_llama))

    def test_a_causal_model_asked_to_denoise(self, tmp_path: Path, text: Path, tiny_llama: Path) -> None:
        with pytest.raises(TrainingError, match="cannot be loaded for Seq2SeqLM"):
            pretrain(tmp_path / "run", text, objective="denoise", model=str(tiny_llama))

    def test_layers_that_the_model_has_not(self, tmp_path: Path, tiny_llama: Path, data: Path) -> None:
        with pytest.raises(TrainingError, match="no adapter fits LlamaForCausalLM"):
            finetune(tmp_path / "run", tiny_llama, data, lora=True, lora_layers=("nothing",))

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"steps": 0}, "--steps must be above 0"),
            ({"width": 30}, "multiple of --heads"),
            ({"architecture": "nothing"}, "no new model can be made"),
            ({"train_tokenizer": 10}, "too small"),
            ({"train_tokenizer": 0}, "needs a tokenizer"),
        ],
    )
    def test_sizes_that_do_not_go(self, tmp_path: Path, text: Path, settings: dict[str, Any], says: str) -> None:
        with pytest.raises(TrainingError, match=says):
            pretrain(tmp_path / "run", text, **settings)


class TestThroughput:
    def test_both_are_measured_on_the_same_rows(self, tiny_llama: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from llm_component.training.config import RunConfig
        from llm_component.training.throughput import compare

        objective = NextToken(
            AutoModelForCausalLM.from_pretrained(tiny_llama), AutoTokenizer.from_pretrained(tiny_llama)
        )
        rows = [Row(ids=[5] * 16, labels=[6] * 16)] * 64
        measured = compare(objective, rows, RunConfig(out="", device="cpu", steps=2, batch_tokens=64), rounds=1)
        assert measured.ours > 0 and measured.theirs > 0
