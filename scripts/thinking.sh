#!/bin/sh
# The figures of docs/thinking.md: how much better a larger model finds the text that is kept of several passes. Prints a table, one
# line a way to choose: bits per byte by the judge of 50 texts, each behind the first words of a story of the built-in corpus
# that the model did not learn from.
# Usage: scripts/thinking.sh MODEL JUDGE [PASSES]
set -eu
model=$1 judge=$2 passes=${3:-4}
program=${PIPSQUEAK:-target/release/pipsqueak}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$program" corpus --seed 977 --bytes 100K --out "$folder/corpus" 2>"$folder/log"
# The line behind each end of a story begins another.
awk 'BEGIN { begins = 1 } begins { print $1, $2, $3, $4, $5 } { begins = /<\|endoftext\|>/ }' "$folder/corpus" |
    head -n 50 >"$folder/prompts"

judged() { # a name, then the options of generate
    name=$1 seed=0
    shift
    : >"$folder/texts"
    while read -r prompt; do
        seed=$((seed + 1000))
        "$program" generate --model "$model" --prompt "$prompt" --seed $seed --length "${LENGTH:-150}" "$@" \
            >>"$folder/texts" 2>"$folder/log"
        echo '<|endoftext|>' >>"$folder/texts"
    done <"$folder/prompts"
    echo "$name | $("$program" eval --model "$judge" --text "$folder/texts" | awk '/^bits per byte/ { print $4 }')"
}

judged "one pass"
judged "--best-of $passes" --best-of "$passes"
judged "--think $passes" --think "$passes"
