#!/usr/bin/env python3
"""Real commands as pairs for `pipsqueak train`, and the plain classifier that a model of them must be held against.

    commands.py split commands.tsv FOLDER [--seed 1]      writes FOLDER/learn.tsv, FOLDER/test.tsv, FOLDER/answers.txt
    commands.py rival FOLDER --bytes 150000 [--seed 1]    trains the classifier on the one, and tests it on the other

A line of commands.tsv is a command, a tab and its intent; more columns are left out. `split` writes commands in small letters and
each once, and holds a tenth of them out, chosen by the seed.

The classifier is multinomial logistic regression on a bag of words: softmax(b + sum of the rows of W that the words' hashes choose),
trained by stochastic gradient descent and then rounded to int8, with one scale for each intent. W takes the bytes that are given. With
--pairs-of-words, pairs of neighbours count as words, too. It needs nothing but Python.
"""

import argparse
import math
import random
import re
import zlib
from pathlib import Path

EPOCHS = 12
RATE = 0.5
DECAY = 1e-6


def split(source, folder, seed):
    pairs = {}
    for line in source.read_text(encoding="utf-8").splitlines():
        command, intent = line.split("\t")[:2]
        # AddToPlaylist is answered as «add to playlist».
        answer = " ".join(re.findall("[A-Z][a-z]*", intent)).lower() or intent
        pairs.setdefault(" ".join(command.lower().split()), answer)
    pairs = list(pairs.items())
    random.Random(seed).shuffle(pairs)
    held_out = len(pairs) // 10
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in [("test.tsv", pairs[:held_out]), ("learn.tsv", pairs[held_out:])]:
        (folder / name).write_text("".join(f"{command}\t{answer}\n" for command, answer in part), encoding="utf-8")
    answers = sorted({answer for _, answer in pairs})
    (folder / "answers.txt").write_text("".join(f"{answer}\n" for answer in answers), encoding="utf-8")
    print(f"{len(pairs) - held_out} pairs to learn, {held_out} to test, {len(answers)} answers; seed {seed}")


def read(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def features(command, rows, pairs_of_words):
    """The rows that the command's words choose, each once."""
    words = re.findall(r"\w+|[^\w\s]", command)
    if pairs_of_words:
        words += [f"{a} {b}" for a, b in zip(words, words[1:])]
    return sorted({zlib.crc32(word.encode()) % rows for word in words})


def logits(weights, bias, chosen):
    return [b + sum(weights[row][i] for row in chosen) for i, b in enumerate(bias)]


def softmax(z):
    largest = max(z)
    e = [math.exp(x - largest) for x in z]
    total = sum(e)
    return [x / total for x in e]


def train(examples, answers, rows, seed):
    weights, bias = [[0.0] * answers for _ in range(rows)], [0.0] * answers
    examples = list(examples)
    shuffler, steps, step = random.Random(seed), EPOCHS * len(examples), 0
    for _ in range(EPOCHS):
        shuffler.shuffle(examples)
        for chosen, answer in examples:
            rate = RATE * (1 - step / steps)
            step += 1
            for i, p in enumerate(softmax(logits(weights, bias, chosen))):
                gradient = p - (i == answer)
                bias[i] -= rate * gradient
                for row in chosen:
                    weights[row][i] -= rate * (gradient + DECAY * weights[row][i])
    return weights, bias


def to_int8(weights, bias):
    """The same numbers as integers times the scale of their intent."""
    scales = [max(max(abs(row[i]) for row in weights), abs(b) / 32767) / 127 or 1.0 for i, b in enumerate(bias)]
    rounded = [[round(w / scale) * scale for w, scale in zip(row, scales)] for row in weights]
    return rounded, bias


def accuracy(weights, bias, examples):
    right = 0
    for chosen, answer in examples:
        z = logits(weights, bias, chosen)
        right += z.index(max(z)) == answer
    return right


def rival(folder, size, seed, pairs_of_words):
    answers = (folder / "answers.txt").read_text(encoding="utf-8").splitlines()
    rows = size // len(answers)
    parts = {
        name: [(features(command, rows, pairs_of_words), answers.index(answer)) for command, answer in read(folder / name)]
        for name in ("learn.tsv", "test.tsv")
    }
    weights, bias = train(parts["learn.tsv"], len(answers), rows, seed)
    test = parts["test.tsv"]
    for name, model in [("f32", (weights, bias)), ("int8", to_int8(weights, bias))]:
        right = accuracy(*model, test)
        print(f"{name}: {right} of {len(test)} are right, {100 * right / len(test):.2f} % ({rows} rows of {len(answers)})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    splits = commands.add_parser("split")
    splits.add_argument("source", type=Path)
    splits.add_argument("folder", type=Path)
    rivals = commands.add_parser("rival")
    rivals.add_argument("folder", type=Path)
    rivals.add_argument("--bytes", type=int, required=True)
    rivals.add_argument("--pairs-of-words", action="store_true")
    for each in (splits, rivals):
        each.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.command == "split":
        split(options.source, options.folder, options.seed)
    else:
        rival(options.folder, options.bytes, options.seed, options.pairs_of_words)


if __name__ == "__main__":
    main()
