"""The checksum of the merges that `tokenizers` (PyPI, 0.23) learns of the built-in stories, for data/vocabulary.rs.

    pipsqueak corpus --bytes 200K --out stories.txt
    python trainer/tests/tokenizers/merges.py stories.txt
"""

import json
import struct
import sys
import zlib

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

# Runs of letters, of digits or of other characters, each with a space before it; of several spaces, the last leads a word.
WORDS = r" ?[A-Za-z']+| ?[0-9]+| ?[^A-Za-z0-9'\s]+|\s+(?= \S)|\s+"
# One of the model's 600 ids is the special that ends a story.
VOCAB = 599

with open(sys.argv[1]) as file:
    stories = [story.strip("\n") for story in file.read().split("<|endoftext|>")]
alphabet = sorted(set("".join(stories)))
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "isolated")
trainer = trainers.BpeTrainer(vocab_size=VOCAB, show_progress=False, initial_alphabet=alphabet)
tokenizer.train_from_iterator(stories, trainer)
ids = tokenizer.get_vocab()
assert all(ids[character] == at for at, character in enumerate(alphabet))
merges = json.loads(tokenizer.to_str())["model"]["merges"]
atoms = b"".join(bytes([1, ord(character)]) for character in alphabet)
pairs = b"".join(struct.pack("<HH", ids[left], ids[right]) for left, right in merges)
print(len(merges), hex(zlib.crc32(atoms + pairs)))
