"""Writes the texts that docs/quality.md and pretrained/zoo/README.md measure TinyStories with.

    python3 mix_tinystories.py TINYSTORIES FOLDER

TINYSTORIES holds stories divided by <|endoftext|>, with one newline between paragraphs, as TinyStoriesV2-GPT4-train.txt does or
its beginning. FOLDER then has

    mixed.txt   all stories but the last 500; two of five have blank lines between paragraphs, as the data set's first version has
    held1.txt   the last 500, with one newline
    held2.txt   the same stories with blank lines
"""

import random
import sys
from pathlib import Path

MARKER = "<|endoftext|>"
HELD_OUT = 500
BLANK_SHARE = 0.4


def blank_lines(story):
    return story.replace("\n", "\n\n")


def write(path, stories):
    path.write_text("".join(f"{story}\n{MARKER}\n" for story in stories), encoding="utf-8")


def main(source, folder):
    stories = [story.strip("\n") for story in Path(source).read_text(encoding="utf-8").split(MARKER)]
    stories = [story for story in stories if story.strip()]
    learned, held_out = stories[:-HELD_OUT], stories[-HELD_OUT:]
    choice = random.Random(1)
    folder = Path(folder)
    write(folder / "mixed.txt", [blank_lines(s) if choice.random() < BLANK_SHARE else s for s in learned])
    write(folder / "held1.txt", held_out)
    write(folder / "held2.txt", [blank_lines(story) for story in held_out])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
