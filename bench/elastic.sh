#!/bin/sh
# What `train.deterministic: elastic` costs, and how much faster two ranks are than one under it: the
# cnn of configs/bench on MNIST with two ranks, with one, and with two and one that are not elastic, in
# turn; prints the medians of their rates and of the ratios, and whether all elastic runs ended with the
# same state.
#
#   bench/elastic.sh
#
# DATA_DIR    MNIST in IDX files (default ../shared/data/mnist beside the repository)
# PAIRS       how often each is run (default 3)
# STEPS       steps of each run (default 200)
#
# Only ratios within one run of this script mean anything, and only on a quiet machine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data/mnist}
pairs=${PAIRS:-3}
steps=${STEPS:-200}

if [ ! -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "bench/elastic.sh: SKIPPED: no MNIST in $data (set DATA_DIR)" >&2
  exit 0
fi
data=$(CDPATH='' cd -- "$data" && pwd -P)
"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

measure() { # NAME RANKS SETTING
  run=$work/run
  rm -rf "$run"
  "$root/trireme" train "$root/configs/bench/cnn.yaml" --set data.path="$data" --run-dir "$run" \
    --set parallel.workers="$2" --set train.steps="$steps" --set "$3" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
  rate=$(sed -n 's/.*"samplesPerSecond" : \([0-9.E]*\).*/\1/p' "$run/result.json")
  hash=$(sed -n 's/.*"stateHash" : "\([^"]*\)".*/\1/p' "$run/result.json")
  printf '%s %s %s\n' "$1" "$rate" "$hash" >>"$work/rates"
}

pair=0
while [ "$pair" -lt "$pairs" ]; do
  pair=$((pair + 1))
  echo "pair $pair of $pairs" >&2
  measure elastic2 2 train.deterministic=elastic
  measure elastic1 1 train.deterministic=elastic
  measure plain2 2 train.deterministic=fixed
  measure plain1 1 train.deterministic=fixed
done

median() { sort -g | awk '{ v[NR] = $1 } END { printf "%.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

rate() { awk -v key="$1" '$1 == key { print $2 }' "$work/rates" | median; }

ratio() { # KEY KEY: the median of the ratios pair by pair
  awk -v a="$1" -v b="$2" '$1 == a { x[++n] = $2 } $1 == b { y[++m] = $2 }
    END { for (i = 1; i <= n; i++) print x[i] / y[i] }' "$work/rates" | median
}

row() { printf '%-44s  %10s  %10s  %6s  %s\n' "$@"; }
row "samples/s (medians of $pairs)" first second ratio target
row "elastic: 2 ranks against one" "$(rate elastic2)" "$(rate elastic1)" "$(ratio elastic2 elastic1)" ">= 1.4"
row "not elastic: 2 ranks against one" "$(rate plain2)" "$(rate plain1)" "$(ratio plain2 plain1)" ""
row "2 ranks: elastic against not" "$(rate elastic2)" "$(rate plain2)" "$(ratio elastic2 plain2)" ""
row "one rank: elastic against not" "$(rate elastic1)" "$(rate plain1)" "$(ratio elastic1 plain1)" ""
states=$(awk '$1 ~ /^elastic/ { print $3 }' "$work/rates" | sort -u | wc -l)
echo "states that the elastic runs ended with: $states (1: all the same bits)"
[ "$states" -eq 1 ]
