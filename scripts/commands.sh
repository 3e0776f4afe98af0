#!/usr/bin/env bash
# The figures of docs/obey.md: commands.sh COMMANDS.tsv FOLDER. A line of COMMANDS.tsv is a command, a tab and its intent, as the data set
# of Snips has them (Coucke et al. 2018). Takes about five minutes on one core.
set -euo pipefail
source=$1
folder=$2
scripts=$(cd "$(dirname "$0")" && pwd)
pipsqueak=${PIPSQUEAK:-pipsqueak}
shape=(--context 80 --width 64 --layers 2 --vocab 512)

python3 "$scripts/commands.py" split "$source" "$folder" --seed 1
cd "$folder"

measure() { # NAME: a model in f32, in every number format, and what the int8 one mistakes.
    "$pipsqueak" eval --model "$1-f32.pip" --pairs test.tsv --answers answers.txt --precision all
    "$pipsqueak" eval --model "$1.pip" --pairs test.tsv --answers answers.txt
}

echo "── answers alone are learned"
"$pipsqueak" train --pairs learn.tsv --validation 0.05 "${shape[@]}" --steps 2500 --out answers.pip --f32-out answers-f32.pip >answers.log
measure answers

echo "── the commands are learned first, as a text, and then the answers"
awk -F'\t' '{ print $1 "\n" $2 "\n<|endoftext|>" }' learn.tsv >learn.txt
"$pipsqueak" train --text learn.txt --keep-lines --validation 0.02 "${shape[@]}" --steps 3000 --out text.pip >text.log
"$pipsqueak" train --pairs learn.tsv --validation 0.05 --from text.checkpoint.safetensors --steps 1500 --out both.pip \
    --f32-out both-f32.pip >both.log
measure both

echo "── a bag of words"
for bytes in 2048 8192 32768 "$(stat -c %s both.pip)"; do
    echo "$bytes bytes"
    python3 "$scripts/commands.py" rival . --bytes "$bytes"
done
echo "the same, with pairs of words"
python3 "$scripts/commands.py" rival . --bytes "$(stat -c %s both.pip)" --pairs-of-words
