#!/usr/bin/env python3
"""Writes pairs.tsv and answers.txt beside this file: ways to ask for a lamp and a fan, with the order that each should get."""

import random
from pathlib import Path

BEFORE = ["", "", "", "please ", "could you ", "can you ", "would you ", "hey, ", "now ", "i want you to ", "ok, "]
AFTER = ["", "", "", " please", " now", " for me", " a moment", ", thank you"]


def names(*words):
    return [f"the {word}" for word in words] + [f"my {word}" for word in words[:1]]


LAMP = names("lamp", "light", "lights", "desk lamp")
FAN = names("fan", "ventilator", "air")


def asked(verbs, things):
    """«turn on the lamp», and «turn the lamp on» for a verb of two words."""
    for verb in verbs:
        for thing in things:
            yield f"{verb} {thing}"
            first, *rest = verb.split()
            if rest:
                yield f"{first} {thing} {' '.join(rest)}"


def levels(*words):
    for word in words:
        for verb in ("dim", "set", "turn", "bring", "put"):
            for thing in LAMP:
                yield f"{verb} {thing} to {word}"
        yield f"{word} of the light"
        yield f"make the lamp {word} as bright"


ORDERS = {
    "lamp on": [*asked(["turn on", "switch on", "put on", "light", "start"], LAMP)],
    "lamp off": [*asked(["turn off", "switch off", "put out", "kill", "shut off"], LAMP)],
    "lamp 25": [*levels("a quarter", "25 percent", "one quarter", "twenty five percent", "25")],
    "lamp 50": [*levels("half", "50 percent", "fifty percent", "one half", "50"), *(f"dim {lamp}" for lamp in LAMP)],
    "lamp 75": [*levels("three quarters", "75 percent", "seventy five percent", "75")],
    "fan on": [*asked(["turn on", "switch on", "start", "run", "put on"], FAN)],
    "fan off": [*asked(["turn off", "switch off", "stop", "shut off", "halt"], FAN)],
}

# Sentences that stand as they are, without «please».
SAID = {
    "lamp on": ["it is dark in here", "i can't see a thing", "let there be light", "lights on", "lamp on", "light", "it is getting dark"],
    "lamp off": ["good night", "i am going to bed", "lights out", "lamp off", "light off", "i want to sleep", "make it dark"],
    "lamp 25": ["just a little light", "very dim light", "almost dark", "lamp low", "as dim as it gets"],
    "lamp 50": ["half light", "dim the light a bit", "less light", "it is too bright", "the lamp is too bright", "softer light"],
    "lamp 75": ["a bit brighter", "more light", "it is too dim", "the lamp is too dim", "brighter", "nearly full light"],
    "fan on": ["it is hot in here", "i am hot", "some fresh air", "i need air", "fan on", "cool the room", "it is too warm"],
    "fan off": ["it is cold in here", "i am cold", "the fan is too loud", "fan off", "no more wind", "there is a draught", "it is windy in here"],
    "nothing": [
        "hello", "hi there", "how are you", "what time is it", "tell me a story", "who are you", "thank you", "that is fine",
        "leave the lamp as it is", "leave the fan alone", "never mind", "what is the weather like", "play some music", "call my mother",
        "where is my book", "i like tea", "the cat is asleep", "the soup was good", "open the door", "close the window", "set an alarm",
        "what day is it today", "book a table for two", "add milk to the list", "who won the game", "read me the news", "nothing",
        "stop the music", "turn off the radio", "turn on the radio", "switch on the tv", "switch off the tv", "start the car",
        "turn on the oven", "turn off the oven", "is the lamp on", "is the fan on", "what can you do", "do nothing", "a nice lamp",
    ],
}


def main():
    rng = random.Random(1)
    pairs = {}
    for order, prompts in ORDERS.items():
        wanted = 130
        while wanted:
            prompt = f"{rng.choice(BEFORE)}{rng.choice(prompts)}{rng.choice(AFTER)}"
            if prompt not in pairs:
                pairs[prompt] = order
                wanted -= 1
    for order, prompts in SAID.items():
        for prompt in prompts:
            for before, after in [("", ""), ("", rng.choice(AFTER)), (rng.choice(["hey, ", "ok, ", "so "]), "")]:
                pairs.setdefault(f"{before}{prompt}{after}", order)
    lines = [f"{prompt}\t{order}\n" for prompt, order in pairs.items()]
    rng.shuffle(lines)
    folder = Path(__file__).parent
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "answers.txt").write_text("".join(f"{order}\n" for order in SAID), encoding="utf-8")
    print(f"{len(lines)} pairs, {len(SAID)} answers")


if __name__ == "__main__":
    main()
