"""Checks of a model's files before loading: every fault is named in one sentence with its remedy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from llm_component.models.files import ModelError, check_model, find_folder, read_adapter
from llm_component.models.loading import load_model
from llm_component.settings import Settings
from tests.llm import tiny_models


@pytest.fixture
def folder(tiny_qwen: Path, tmp_path: Path) -> Path:
    """A copy of a whole model that a test may damage."""
    return Path(shutil.copytree(tiny_qwen, tmp_path / "model"))


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A model in several shards with an index."""
    from transformers import AutoModelForCausalLM

    whole = tiny_models.make_qwen(tmp_path / "whole")
    AutoModelForCausalLM.from_pretrained(whole).save_pretrained(tmp_path / "sharded", max_shard_size="200KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(whole / name, tmp_path / "sharded" / name)
    return tmp_path / "sharded"


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("model-*.safetensors"))


def test_a_whole_model_passes_and_its_elements_are_counted(folder: Path) -> None:
    _config, weights = check_model(folder)
    on_disk = (folder / "model.safetensors").stat().st_size
    assert 0.9 * on_disk < weights.bytes_as(4.0) < on_disk
    assert weights.bytes_as(2.0) == weights.bytes_as(4.0) // 2
    assert weights.bytes_as(4.0, 1.0) > weights.bytes_as(1.0), "embeddings are not quantized"


def test_a_sharded_model_passes(sharded: Path) -> None:
    assert len(shards(sharded)) > 1
    assert len(check_model(sharded)[1].files) == len(shards(sharded))


def test_a_missing_shard_is_named(sharded: Path) -> None:
    lost = shards(sharded)[1]
    lost.unlink()
    with pytest.raises(ModelError, match=rf"lacks the weight file {lost.name} .*fetch what is missing"):
        check_model(sharded)


def test_a_truncated_shard_is_named(sharded: Path) -> None:
    cut = shards(sharded)[0]
    cut.write_bytes(cut.read_bytes()[:-100])
    with pytest.raises(
        ModelError, match=rf"{cut.name} has [\d,]+ bytes where its header speaks of .*fetch the file anew"
    ):
        check_model(sharded)


def test_a_file_cut_within_its_header_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"model\.safetensors is cut off or no safetensors file"):
        check_model(folder)


def test_a_header_that_is_no_json_is_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[8:12] = b"\xff\xff\xff\xff"
    weights.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=r"the header of .*model\.safetensors cannot be read"):
        check_model(folder)


def test_an_empty_weight_file_is_named(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="is cut off or no safetensors file"):
        check_model(folder)


def test_an_index_that_names_a_file_elsewhere_is_refused(sharded: Path) -> None:
    index = sharded / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"] = dict.fromkeys(content["weight_map"], "../other/model.safetensors")
    index.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="no safetensors file of its folder"):
        check_model(sharded)


def test_weights_that_the_index_promises_and_no_shard_holds_are_named(sharded: Path) -> None:
    index = sharded / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["model.layers.9.weight"] = shards(sharded)[0].name
    index.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"lacks the weights model\.layers\.9\.weight"):
        check_model(sharded)


def test_pickles_alone_are_refused_with_the_reason(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle, which can run code when loaded"):
        check_model(folder)


def test_a_pickle_beside_safetensors_is_left_alone(folder: Path) -> None:
    (folder / "training_args.bin").write_bytes(b"not read")
    assert check_model(folder)[1].floats > 0


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"holds no model\.safetensors"):
        check_model(folder)


def test_a_missing_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"holds no tokenizer; put the model's tokenizer\.json"):
        check_model(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_broken_json_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text('{"model_type": "qwen2",')
    with pytest.raises(ModelError, match=rf"{name} is no valid JSON .*; fetch it anew"):
        check_model(folder)


def test_a_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json; it is no model folder"):
        check_model(tmp_path)


def test_a_config_without_a_type_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no model_type"):
        check_model(folder)


def test_a_path_that_is_not_there_is_not_sought_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no folder .*; check the path"):
        find_folder(str(tmp_path / "nowhere"))


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match="is a file; name the folder"):
        find_folder(str(folder / "config.json"))


def test_no_name_says_which_setting_to_fill() -> None:
    with pytest.raises(ModelError, match="FRONTDESK_LLM_MODEL"):
        find_folder(" ")


def test_a_hub_id_that_is_not_cached_says_so_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"local cache does not hold it, and the model hub is switched off"):
        find_folder("nobody/no-such-model")


def test_an_adapter_with_pickled_weights_alone_is_refused(tiny_adapter: Path, tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"holds no adapter_model\.safetensors; .*pickles are not read"):
        read_adapter(adapter)


def test_another_kind_of_adapter_is_refused(tiny_adapter: Path, tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    content = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**content, "peft_type": "PREFIX_TUNING"}))
    with pytest.raises(ModelError, match="PREFIX_TUNING adapter; only LoRA"):
        read_adapter(adapter)


def test_loading_checks_the_files_first(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load_model(Settings(model=str(folder), device="cpu"))
