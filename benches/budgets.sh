#!/bin/sh
# The runs behind docs/budgets.md: how the bytes of a model are best spent. Prints a table, one line a run:
#   what, shape, parameters, bytes of the int8 file, nats a token, bits per byte, seconds.
# Usage: benches/budgets.sh TEXT [WHAT], with WHAT one of depth, vocab, context.
set -eu
text=$1 what=${2:-all}
program=${PIPSQUEAK:-target/release/pipsqueak}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run() { # kind, then the options of train
    kind=$1; shift
    if [ "$what" != all ] && [ "$what" != "$kind" ]; then return; fi
    start=$(date +%s)
    "$program" train --text "$text" --out "$folder/m.pip" --steps "${STEPS:-1500}" "$@" >"$folder/log" 2>&1
    seconds=$(($(date +%s) - start))
    parameters=$(awk '/^parameters/ { gsub(",", "", $2); print $2 }' "$folder/log")
    loss=$(awk '$1 == "int8" && NF == 3 { print $2, $3 }' "$folder/log")
    echo "$kind | $* | $parameters | $(wc -c <"$folder/m.pip") | $loss | $seconds"
    rm -f "$folder"/m.*
}

# Depth against width: about 128,000 and about 512,000 parameters. The hidden units fill what the layers leave.
run depth --vocab 512 --width 80 --layers 1 --hidden 284
run depth --vocab 512 --width 64 --layers 2 --hidden 184
run depth --vocab 512 --width 56 --layers 3 --hidden 144
run depth --vocab 512 --width 48 --layers 4 --hidden 132
run depth --vocab 512 --width 40 --layers 6 --hidden 108
run depth --vocab 512 --width 32 --layers 10 --hidden 84
run depth --vocab 512 --width 160 --layers 1 --hidden 736
run depth --vocab 512 --width 128 --layers 2 --hidden 452
run depth --vocab 512 --width 112 --layers 3 --hidden 336
run depth --vocab 512 --width 96 --layers 5 --hidden 224
run depth --vocab 512 --width 80 --layers 7 --hidden 200
run depth --vocab 512 --width 64 --layers 11 --hidden 164
run depth --vocab 512 --width 48 --layers 19 --hidden 128

# The vocabulary against the layers, again at about 128,000 and 512,000 parameters.
run vocab --vocab 128 --width 48 --layers 5 --hidden 120
run vocab --vocab 256 --width 48 --layers 5 --hidden 112
run vocab --vocab 1024 --width 48 --layers 3 --hidden 136
run vocab --vocab 2048 --width 48 --layers 1 --hidden 156
run vocab --vocab 256 --width 96 --layers 5 --hidden 240
run vocab --vocab 1024 --width 96 --layers 4 --hidden 264
run vocab --vocab 2048 --width 96 --layers 3 --hidden 268
run vocab --vocab 4096 --width 96 --layers 1 --hidden 316

# The context, at the same number of tokens a step.
run context --vocab 512 --width 48 --layers 4 --hidden 132 --context 32 --batch 32
run context --vocab 512 --width 48 --layers 4 --hidden 132 --context 64 --batch 16
run context --vocab 512 --width 48 --layers 4 --hidden 132 --context 256 --batch 4
run context --vocab 512 --width 48 --layers 4 --hidden 132 --context 512 --batch 2
