"""Makes the checkpoints that tests/hugging_face.rs imports: `pip install torch transformers tokenizers`, then `python make.py`
in this directory.

Weights are random. What the models and tokenizers must give is computed by transformers and tokenizers, in f32 from the numbers
that the files hold.
"""

import json
import pathlib
import random

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

SEED = 1234
HERE = pathlib.Path(__file__).parent
TEXTS = [
    "The mouse ran home, and the cat didn't.",
    "  two  spaces\n\nand\ta tab, 12 345 mice's!",
    "Zoë — naïve café … 日本語 🙂",
    "we'll we've I'M don''t   ",
    "",
    " ",
]


def corpus():
    """Texts with a few words, digits and spaces, enough for merges of several kinds."""
    words = "the a mouse cat ran and home didn't we'll was little said to 12 1999 it's café".split()
    make = random.Random(SEED)
    gaps = [" "] * 8 + ["  ", "    ", "\n", ", ", ". "]
    return ["".join(make.choice(words) + make.choice(gaps) for _ in range(200)) for _ in range(50)]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, special_tokens=specials)
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def sentence_piece():
    """Trained with cuts before runs of spaces, and then used without any, as Llama's is."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    prepend, replace = normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([prepend, replace])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("▁*[^▁]+|▁+"), "isolated")
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=360, special_tokens=specials))
    made = json.loads(tokenizer.to_str())
    made["pre_tokenizer"] = None
    made["added_tokens"] = made["added_tokens"][:3]
    # As converters of SentencePiece write it, every pair that makes a piece is listed.
    merges, vocab = made["model"]["merges"], made["model"]["vocab"]
    every = []
    for left, right in merges:
        piece = left + right
        cuts = [[piece[:cut], piece[cut:]] for cut in range(1, len(piece))]
        others = [cut for cut in cuts if all(part in vocab for part in cut) and cut != [left, right]]
        every += [[left, right]] + others
    made["model"]["merges"] = every
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def write(name, tokenizer, model, dtype, shard):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    ids = tokenizer.encode(TEXTS[0]).ids[:8]
    # Read anew: what is computed of the shape alone is then of f32, too.
    with torch.no_grad():
        logits = type(model).from_pretrained(folder, dtype=torch.float32).eval()(torch.tensor([ids])).logits[0]
    expected = {
        "texts": [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS],
        "prompt": ids,
        "logits": [[round(float(logit), 6) for logit in position] for position in logits],
    }
    (folder / "expected.json").write_text(json.dumps(expected))


torch.manual_seed(SEED)
gpt2 = GPT2Config(
    vocab_size=320, n_positions=32, n_embd=24, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0, n_inner=40
)
write("gpt2", byte_level(), GPT2LMHeadModel(gpt2), torch.float16, "5GB")
llama = LlamaConfig(
    vocab_size=364,
    hidden_size=24,
    intermediate_size=36,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=32,
    rms_norm_eps=1e-5,
    rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
    attention_bias=True,
    tie_word_embeddings=False,
)
write("llama", sentence_piece(), LlamaForCausalLM(llama), torch.bfloat16, "20KB")
