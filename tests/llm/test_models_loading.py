"""Loading a model: what it runs on, what ends its texts, and the sentences that say why it cannot be loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from llm_component.engines.interface import Message
from llm_component.models import device as devices
from llm_component.models import loading
from llm_component.models.files import ModelError
from llm_component.models.loaded import LoadedModel
from llm_component.models.loading import load_model
from llm_component.settings import Settings
from tests.llm import tiny_models

MESSAGES = (Message("system", "Answer from the passages."), Message("user", "Where is order 1043?"))


def load(folder: Path, **settings: object) -> LoadedModel:
    return load_model(Settings(model=str(folder), device="cpu", **settings))  # type: ignore[arg-type]


@pytest.fixture
def copied(tiny_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llama, tmp_path / "copied"))


def edit(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    ("name", "kind", "ends", "pad", "positions"),
    [
        ("tiny_llama", "causal", {2}, 0, 1024),
        ("tiny_qwen", "causal", {0, 2}, 0, 1024),
        ("tiny_gemma", "causal", {1, 4}, 0, 1024),
        ("tiny_t5", "encoder_decoder", {1}, 0, 512),
        ("tiny_bart", "encoder_decoder", {2}, 1, 512),
    ],
)
def test_each_architecture_loads(
    request: pytest.FixtureRequest, name: str, kind: str, ends: set[int], pad: int, positions: int
) -> None:
    loaded = load(request.getfixturevalue(name))
    found = (loaded.kind, loaded.end_token_ids, loaded.pad_token_id, loaded.context_tokens)
    assert found == (kind, ends, pad, positions)


def test_a_loaded_model_is_ready_for_inference(tiny_llama: Path) -> None:
    model = load(tiny_llama).model
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_the_weights_are_those_of_the_folder(tiny_llama: Path) -> None:
    loaded = load(tiny_llama)
    with torch.no_grad():
        first = loaded.model(torch.tensor([loaded.prompt_ids(MESSAGES)])).logits
        second = load(tiny_llama).model(torch.tensor([loaded.prompt_ids(MESSAGES)])).logits
    assert torch.equal(first, second)


@pytest.mark.parametrize(("said", "dtype", "each"), [("auto", torch.float32, 4), ("bf16", torch.bfloat16, 2)])
def test_the_dtype_on_a_cpu(tiny_llama: Path, said: str, dtype: torch.dtype, each: int) -> None:
    loaded = load(tiny_llama, dtype=said)
    assert {weight.dtype for weight in loaded.model.parameters()} == {dtype} == {loaded.dtype}
    assert loaded.weight_bytes == each * sum(weight.numel() for weight in loaded.model.parameters())


def test_every_token_that_ends_a_text_counts(copied: Path) -> None:
    edit(copied / "generation_config.json", eos_token_id=[7, 8])
    assert load(copied).end_token_ids == {2, 7, 8}


def test_a_tokenizer_without_padding_gets_an_end_token_for_it(copied: Path) -> None:
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        content = json.loads((copied / name).read_text())
        for key in ("pad_token_id", "pad_token"):
            content.pop(key, None)
        (copied / name).write_text(json.dumps(content))
    loaded = load(copied)
    assert loaded.pad_token_id == loaded.tokenizer.pad_token_id == 2


def test_a_context_within_the_models_is_kept(tiny_llama: Path) -> None:
    assert load(tiny_llama, context_tokens=200).context_tokens == 200


def test_a_context_beyond_the_models_is_refused(tiny_llama: Path) -> None:
    with pytest.raises(ModelError, match=r"CONTEXT_TOKENS=5000, but tiny-llama has 1024 positions"):
        load(tiny_llama, context_tokens=5000)


def test_too_little_memory_is_said_with_both_figures(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda device: 500_000)
    with pytest.raises(ModelError, match=r"tiny-llama needs 0\.9 MB of memory to load and 0\.5 MB are free on cpu"):
        load(tiny_llama)


def test_half_the_bytes_fit_where_the_whole_does_not(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda device: 500_000)
    assert load(tiny_llama, dtype="bf16").dtype == torch.bfloat16


def test_unknown_free_memory_does_not_prevent_loading(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda device: None)
    load(tiny_llama)
    assert "free memory of cpu is not known" in caplog.text


def test_free_memory_is_the_less_of_machine_and_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    for name, content in (("memory.max", "5000000"), ("memory.current", "4000000"), ("memory.stat", "inactive_file 7")):
        (tmp_path / name).write_text(content + "\n")
    monkeypatch.setattr(devices, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    assert devices.free_memory(torch.device("cpu")) == 1_000_007


def test_a_container_without_a_limit_has_the_machines_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemAvailable:    8000 kB\n")
    for name, content in (("memory.max", "max"), ("memory.current", "4000000"), ("memory.stat", "")):
        (tmp_path / name).write_text(content + "\n")
    monkeypatch.setattr(devices, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(devices, "_CGROUP", tmp_path)
    assert devices.free_memory(torch.device("cpu")) == 8000 * 1024


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="DEVICE=tpu is no device: use auto, cpu, cuda or cuda:1"):
        devices.choose_device("tpu")


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match=r"DEVICE=cuda:1, but .*; use cpu"):
        devices.choose_device("cuda:1")


def test_a_gpu_number_beyond_those_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ModelError, match="DEVICE=cuda:2, but this machine has cuda:0 to cuda:1"):
        devices.choose_device("cuda:2")


def test_the_first_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.choose_device("auto") == torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("has_bf16", "encoder_decoder", "dtype"),
    [(True, False, torch.bfloat16), (False, False, torch.float16), (False, True, torch.float32)],
)
def test_the_dtype_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, encoder_decoder: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert devices.choose_dtype("auto", torch.device("cuda", 0), encoder_decoder) == dtype


@pytest.mark.parametrize(
    ("flags", "compact", "dtype"),
    [
        ("fma avx512_bf16", True, torch.bfloat16),
        ("fma amx_bf16", True, torch.bfloat16),
        ("fma avx2", True, torch.float32),
        ("fma avx512_bf16", False, torch.float32),
        (None, True, torch.float32),
    ],
    ids=["avx512", "amx", "neither", "another model", "not Linux"],
)
def test_the_compact_model_takes_bf16_where_a_cpu_computes_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str | None, compact: bool, dtype: torch.dtype
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"flags\t\t: {flags}\n", encoding="ascii")
    monkeypatch.setattr(devices, "_CPUINFO", cpuinfo)
    cpu = torch.device("cpu")
    assert devices.choose_dtype("auto", cpu, encoder_decoder=True, compact=compact) == dtype
    assert devices.choose_dtype("fp32", cpu, encoder_decoder=True, compact=compact) == torch.float32


def test_quantization_needs_a_gpu(tiny_llama: Path) -> None:
    with pytest.raises(ModelError, match="QUANTIZATION=4bit needs a GPU, and the device is cpu"):
        load(tiny_llama, quantization="4bit")


def test_a_model_of_unknown_type_is_refused(copied: Path) -> None:
    edit(copied / "config.json", model_type="homemade", auto_map={"AutoConfig": "code.Homemade"})
    with pytest.raises(ModelError, match="its own code is never run"):
        load(copied)


def test_a_model_that_writes_no_text_is_refused(copied: Path) -> None:
    edit(copied / "config.json", model_type="vit", architectures=["ViTForImageClassification"])
    with pytest.raises(ModelError, match=r"does not load|writes no text"):
        load(copied)


def test_weights_that_the_model_lacks_are_named(copied: Path) -> None:
    edit(copied / "config.json", num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"the weights of copied lack model\.layers\.2\."):
        load(copied)


def test_weights_of_another_shape_do_not_load(copied: Path) -> None:
    edit(copied / "config.json", intermediate_size=96)
    with pytest.raises(ModelError, match=r"copied in .* does not load"):
        load(copied)


def test_a_tokenizer_of_another_model_is_refused(copied: Path) -> None:
    edit(copied / "config.json", vocab_size=300)
    with pytest.raises(ModelError, match="tokens and the model 300: they do not belong together"):
        load(copied)


def test_adapters_are_used_row_by_row_beside_the_plain_model(
    tiny_llama: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    other = tiny_models.make_adapter(tmp_path / "other", tiny_llama, seed=3)
    loaded = load(tiny_llama, adapters=f"brand={tiny_adapter},self={other}")
    assert loaded.adapters == ("brand", "self")
    ids = torch.tensor([loaded.prompt_ids(MESSAGES)] * 3)
    with torch.no_grad():
        plain, brand, second = loaded.model(ids, adapter_names=["__base__", "brand", "self"]).logits[:, -1]
        alone = load(tiny_llama).model(ids[:1]).logits[0, -1]
    assert torch.allclose(plain, alone, atol=1e-4)
    assert (brand - plain).abs().max() > 0.1
    assert (second - brand).abs().max() > 0.1


def test_an_adapter_folder_that_is_not_there_is_said(tiny_llama: Path) -> None:
    with pytest.raises(ModelError, match="there is no adapter folder nowhere; check FRONTDESK_LLM_ADAPTERS"):
        load(tiny_llama, adapters="brand=nowhere")


def test_an_adapter_of_another_model_is_refused(tiny_llama: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    wider = Path(shutil.copytree(tiny_llama, tmp_path / "wider"))
    config = LlamaConfig.from_pretrained(wider)
    config.hidden_size, config.num_attention_heads = 32, 4
    config.head_dim = 8
    LlamaForCausalLM(config).save_pretrained(wider)
    with pytest.raises(
        ModelError, match=r"adapter brand was trained for .* and does not fit wider: .* is 32 wide, not 64"
    ):
        load(wider, adapters=f"brand={tiny_adapter}")


def test_an_adapter_for_layers_that_are_not_there_is_refused(tiny_t5: Path, tiny_adapter: Path) -> None:
    with pytest.raises(ModelError, match="does not fit tiny-t5: there is no layer model"):
        load(tiny_t5, adapters=f"brand={tiny_adapter}")


@pytest.mark.parametrize("name", ["a.b", "lora", "_x"])
def test_adapter_names_that_would_be_confused_are_refused(tiny_llama: Path, tiny_adapter: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be used"):
        load(tiny_llama, adapters=f"{name}={tiny_adapter}")


def test_an_adapter_that_cannot_share_a_batch_is_refused(tiny_llama: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    edit(adapter / "adapter_config.json", use_dora=True)
    with pytest.raises(ModelError, match="DoRA"):
        load(tiny_llama, adapters=f"brand={adapter}")
