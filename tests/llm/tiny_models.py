"""Small models with seeded random weights and a trained tokenizer, in folders like those of the model hub.

Their words mean nothing, but everything else is real: architectures, special tokens, templates, caches. The weights
are drawn wide, so that what is said varies, and the likeliest token is ahead of the next one by more than rounding.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

VOCABULARY = 1024
HIDDEN = 64
POSITIONS = 1024
GEMMA_WINDOW = 16
SEED = 20

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' "
    "+ message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)

_PRODUCTS = ("kettle", "toaster", "coffee machine", "blender", "air fryer", "microwave", "vacuum cleaner", "television")
_SENTENCES = (
    "You can return the {0} within 30 days of delivery, and the return label is free.",
    "The {0} has a warranty of 2 years; its rechargeable battery is covered for 1 year.",
    "Standard delivery of your {0} takes 3 to 5 working days and costs £4.95.",
    "How do I descale my {0}? Fill it with water and vinegar, wait 20 minutes, and rinse it twice.",
    "We refund the price of the {0} to the original payment method within 5 working days.",
    "If the {0} does not switch on, check the plug, then hold the button for ten seconds.",
    "I'm sorry, I don't know that. A colleague can help you with your {0}.",
    "Answer only from the numbered passages, and cite each of them like [1] or [2][3].",
    "Where is order 1043 with the {0}? It was dispatched on 3 March 2026 by Parcelway.",
    "Express delivery arrives the next working day if you order the {0} before 14:00, Monday to Friday.",
    "Northern Ireland, the Highlands and Islands: neither express nor a named day is possible.",
    "Reset your password with the link in our email; it is valid for thirty minutes, then ask for another.",
    "Damaged, wrong or incomplete goods: send us a photograph, ideally within 48 hours, and choose a replacement.",
    "Gift cards between £10 and £500 are valid for 24 months and cannot be exchanged for cash.",
    "Press and hold the Bluetooth key until the light flashes blue, then select the speaker on your telephone.",
    "An extended warranty can be bought for £19, £39 or £69, depending on what the {0} cost.",
    "Please clean the filter weekly, empty the dust container, and never immerse the motor in liquid.",
    "Your subscription to the newsletter ends at once, although messages already queued may still reach you.",
    "Invoices are mailed as PDF after dispatch; companies receive a VAT invoice on request.",
    "Old appliances are recycled without charge in every store: London, Manchester, Leeds, Bristol, Glasgow.",
    "Payment failed? Your bank probably declined the authorisation; try a different card or PayPal instead.",
    "Five wrong attempts lock an account for a quarter of an hour, which protects customers against fraud.",
    "Customer: thanks, that solved it! Assistant: you are welcome, enjoy the {0} and have a lovely evening.",
    "Questions about privacy, cookies and personal data should go through the contact form below.",
)


def corpus() -> list[str]:
    """Support-desk sentences to train tokenizers on."""
    return [sentence.format(product) for sentence, product in itertools.product(_SENTENCES, _PRODUCTS)]


# Qwen's own: its tokenizer class puts these rules in place whatever the file says.
_QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _byte_level_bpe(special: tuple[str, ...], words: str | None = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if words is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(words), behavior="isolated")
        by_byte = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, by_byte])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=list(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def _with_frame(tokenizer: Tokenizer, frame: str) -> Tokenizer:
    """Has the tokenizer put special tokens round a text, for example `"<s> $A </s>"`."""
    tokens = [(token, tokenizer.token_to_id(token)) for token in frame.split() if token != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=tokens)
    return tokenizer


def _save(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, generation: GenerationConfig
) -> Path:
    model.generation_config = generation
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@functools.cache
def _seeded(build: Callable[[], PreTrainedModel], embeddings: float = 0.3, layers: float = 0.3) -> PreTrainedModel:
    """The model with weights of these standard deviations: the same ones with every version of the libraries."""
    model = build()
    generator = torch.Generator().manual_seed(SEED)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            spread = embeddings if "embed" in name or "shared" in name else layers
            torch.nn.init.normal_(weight, std=spread, generator=generator)
    return model


def _llama() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=POSITIONS,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def make_llama(folder: Path) -> Path:
    """A Llama with `<s>` before every text and no chat template: ids 0 `<pad>`, 1 `<s>`, 2 `</s>`."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_frame(_byte_level_bpe(("<pad>", "<s>", "</s>")), "<s> $A"),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=POSITIONS,
    )
    generation = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    return _save(folder, _seeded(_llama), tokenizer, generation)


def _qwen() -> PreTrainedModel:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=POSITIONS,
            use_sliding_window=False,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def make_qwen(folder: Path) -> Path:
    """A Qwen2 with a ChatML template: ids 0 `<|endoftext|>`, 1 `<|im_start|>`, 2 `<|im_end|>`; no beginning token."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_byte_level_bpe(("<|endoftext|>", "<|im_start|>", "<|im_end|>"), _QWEN_WORDS),
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        extra_special_tokens=["<|im_start|>"],
        model_max_length=POSITIONS,
        chat_template=CHATML,
    )
    generation = GenerationConfig(eos_token_id=[2, 0], pad_token_id=0, do_sample=True, temperature=0.7)
    return _save(folder, _seeded(_qwen), tokenizer, generation)


def _gemma() -> PreTrainedModel:
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=GEMMA_WINDOW,
            tie_word_embeddings=False,
            layer_types=["sliding_attention", "full_attention"],
            max_position_embeddings=POSITIONS,
            bos_token_id=2,
            eos_token_id=1,
            pad_token_id=0,
        )
    )


def make_gemma(folder: Path) -> Path:
    """A Gemma 3 with a sliding-window layer; its template refuses a system turn and turns that do not alternate.

    Ids 0 `<pad>`, 1 `<eos>`, 2 `<bos>`, 3 `<start_of_turn>`, 4 `<end_of_turn>`; the template and the tokenizer both
    write `<bos>`.
    """
    special = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_frame(_byte_level_bpe(special), "<bos> $A"),
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        extra_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        model_max_length=POSITIONS,
        chat_template=GEMMA_TEMPLATE,
    )
    generation = GenerationConfig(bos_token_id=2, eos_token_id=1, pad_token_id=0)
    return _save(folder, _seeded(_gemma), tokenizer, generation)


def _t5() -> PreTrainedModel:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCABULARY,
            d_model=HIDDEN,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_decoder_layers=2,
            num_heads=4,
            n_positions=512,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    )


def make_t5(folder: Path) -> Path:
    """A T5 of 512 positions: ids 0 `<pad>` (starts the decoder), 1 `</s>` (ends each text)."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_frame(_byte_level_bpe(("<pad>", "</s>", "<unk>")), "$A </s>"),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )
    generation = GenerationConfig(decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)
    return _save(folder, _seeded(_t5), tokenizer, generation)


def _bart() -> PreTrainedModel:
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=VOCABULARY,
            d_model=HIDDEN,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            max_position_embeddings=512,
            dropout=0.0,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
            forced_eos_token_id=None,
        )
    )


def make_bart(folder: Path) -> Path:
    """A BART of 512 positions: ids 0 `<s>`, 1 `<pad>`, 2 `</s>` (ends each text, and starts the decoder)."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_frame(_byte_level_bpe(("<s>", "<pad>", "</s>", "<unk>")), "<s> $A </s>"),
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )
    generation = GenerationConfig(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2)
    return _save(folder, _seeded(_bart, embeddings=0.1, layers=1.0), tokenizer, generation)


def make_adapter(folder: Path, base: Path, seed: int = SEED + 1) -> Path:
    """A LoRA adapter for the causal model in `base`, strong enough to change what it says."""
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base),
            LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
        )
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # made as zeros, which would change nothing
                torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    return folder
