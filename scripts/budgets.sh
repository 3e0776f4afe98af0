#!/bin/sh
# The runs behind docs/budgets.md: how the bytes of a model are best spent. Prints a table, one line a run:
#   kind | options of train | parameters | bytes of the file | nats a token, bits per byte | seconds
# With the recipe that was the default when they were made.
# Usage: scripts/budgets.sh TEXT [KIND], with KIND one of depth, vocab, heads, context, precision.
set -eu
text=$1 only=${2:-all}
program=${PIPSQUEAK:-target/release/pipsqueak}
recipe="--optimizer muon --decay cosine --final-learning-rate 1e-3"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

run() { # kind, number format, then the options of train
    kind=$1 precision=$2
    shift 2
    if [ "$only" != all ] && [ "$only" != "$kind" ]; then return; fi
    case $precision in int4) last=0.3 ;; ternary) last=0.6 ;; *) last=0 ;; esac
    start=$(date +%s)
    # shellcheck disable=SC2086
    "$program" train --text "$text" --out "$folder/m.pip" --precision "$precision" --steps "${STEPS:-1500}" $recipe \
        --quantize-last $last "$@" \
        >"$folder/log" 2>&1
    seconds=$(($(date +%s) - start))
    parameters=$(awk '/^parameters/ { gsub(",", "", $2); print $2 }' "$folder/log")
    loss=$(awk -v name="$precision" '$1 == name && NF == 3 { print $2, $3 }' "$folder/log")
    echo "$kind | $precision $* | $parameters | $(wc -c <"$folder/m.pip") | $loss | $seconds"
    rm -f "$folder"/m.*
}

# Depth against width, at about 130,000 and about 520,000 parameters; the hidden units fill what the layers leave.
run depth int8 --vocab 512 --width 80 --layers 1 --hidden 284
run depth int8 --vocab 512 --width 64 --layers 2 --hidden 184
run depth int8 --vocab 512 --width 56 --layers 3 --hidden 144
run depth int8 --vocab 512 --width 48 --layers 4 --hidden 132
run depth int8 --vocab 512 --width 40 --layers 6 --hidden 108
run depth int8 --vocab 512 --width 32 --layers 10 --hidden 84
run depth int8 --vocab 512 --width 160 --layers 1 --hidden 736
run depth int8 --vocab 512 --width 128 --layers 2 --hidden 452
run depth int8 --vocab 512 --width 112 --layers 3 --hidden 336
run depth int8 --vocab 512 --width 96 --layers 5 --hidden 224

# The vocabulary against the layers.
run vocab int8 --vocab 128 --width 64 --layers 3 --hidden 148
run vocab int8 --vocab 256 --width 64 --layers 2 --hidden 228
run vocab int8 --vocab 1024 --width 64 --layers 1 --hidden 240
run vocab int8 --vocab 256 --width 96 --layers 5 --hidden 240
run vocab int8 --vocab 1024 --width 96 --layers 4 --hidden 264
run vocab int8 --vocab 2048 --width 96 --layers 3 --hidden 268

# One key and value head instead of two, the hidden units filling what that leaves.
run heads int8 --vocab 512 --width 64 --layers 2 --hidden 208 --kv-heads 1

# The context, at the same number of tokens a step.
run context int8 --vocab 512 --width 64 --layers 2 --hidden 184 --context 32 --batch 32
run context int8 --vocab 512 --width 64 --layers 2 --hidden 184 --context 64 --batch 16
run context int8 --vocab 512 --width 64 --layers 2 --hidden 184 --context 256 --batch 4
run context int8 --vocab 512 --width 64 --layers 2 --hidden 184 --context 512 --batch 2

# Number formats that fill about the same bytes.
run precision int4 --vocab 1024 --width 96 --layers 2 --hidden 152
run precision int8 --vocab 1024 --width 64 --layers 1 --hidden 240
run precision ternary --vocab 1024 --width 96 --layers 4 --hidden 240
run precision int4 --vocab 1024 --width 64 --layers 1 --hidden 240
run precision int8 --vocab 1024 --width 32 --layers 2 --hidden 112
run precision int8 --vocab 512 --width 48 --layers 1 --hidden 180
run precision int8 --vocab 512 --width 32 --layers 4 --hidden 84
