"""Writes a language model of half a megabyte whose weights are noise. It talks nonsense, but it is a real model.

Its vocabulary is the 256 single bytes, so what it says is often half a character.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType
from numpy.typing import NDArray

_WIDTH, _FEED_FORWARD, _LAYERS, _HEADS, _CONTEXT = 64, 128, 2, 4, 2048
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write(path: Path, seed: int = 1, *, alphabet: bool = False) -> None:
    """Writes the model in llama.cpp's format; with `alphabet` it recites that, again and again, from any letter on."""
    noise = np.random.default_rng(seed)
    special = [("<unk>", TokenType.UNKNOWN), ("<s>", TokenType.CONTROL), ("</s>", TokenType.CONTROL)]
    single = [(f"<0x{byte:02X}>", TokenType.BYTE) for byte in range(256)]
    words = [(word, TokenType.NORMAL) for word in ("\u2581the", "\u2581sea", "\u2581is", "\u2581wide")]
    vocabulary = special + single + words

    model = GGUFWriter(path, "llama")
    model.add_vocab_size(len(vocabulary))
    model.add_context_length(_CONTEXT)
    model.add_embedding_length(_WIDTH)
    model.add_feed_forward_length(_FEED_FORWARD)
    model.add_block_count(_LAYERS)
    model.add_head_count(_HEADS)
    model.add_head_count_kv(_HEADS)
    model.add_rope_dimension_count(_WIDTH // _HEADS)
    model.add_layer_norm_rms_eps(1e-5)
    model.add_tokenizer_model("llama")
    model.add_token_list([token for token, _ in vocabulary])
    model.add_token_types([kind for _, kind in vocabulary])
    model.add_token_scores([-float(number) for number in range(len(vocabulary))])
    model.add_unk_token_id(0)
    model.add_bos_token_id(1)
    model.add_eos_token_id(2)
    model.add_chat_template(_TEMPLATE)

    def add(name: str, weights: NDArray[np.float64]) -> None:
        model.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def add_noise(name: str, *shape: int) -> None:
        add(name, noise.normal(0.0, 0.05, shape))

    def add_ones(name: str) -> None:
        model.add_tensor(f"{name}.weight", np.ones(_WIDTH, np.float32))

    embedding, output = noise.normal(0.0, 0.05, (2, len(vocabulary), _WIDTH))
    if alphabet:
        embedding, output = _alphabet(len(special) + ord("a"), len(vocabulary))
    add("token_embd", embedding)
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        add_ones(f"{block}.attn_norm")
        for projection in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add_noise(f"{block}.{projection}", _WIDTH, _WIDTH)
        add_ones(f"{block}.ffn_norm")
        add_noise(f"{block}.ffn_gate", _FEED_FORWARD, _WIDTH)
        add_noise(f"{block}.ffn_up", _FEED_FORWARD, _WIDTH)
        add_noise(f"{block}.ffn_down", _WIDTH, _FEED_FORWARD)
    add_ones("output_norm")
    add("output", output)

    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()


def _alphabet(first: int, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights with which each letter is followed by the next one, and anything else by the first, beyond all noise."""
    embedding, output = np.zeros((2, size, _WIDTH))
    embedding[:, 26] = output[first, 26] = 100
    for letter in range(26):
        embedding[first + letter] = 100 * np.eye(_WIDTH)[letter]
        output[first + (letter + 1) % 26, letter] = 100
    return embedding, output
