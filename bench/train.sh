#!/bin/sh
# Trains the two models of configs/bench beside the same models elsewhere, in turn, and prints the
# medians and their ratios: 2 ranks against PyTorch DDP over Gloo, against one rank of our own, and one
# rank against a bare libtorch loop in Java.
#
#   PEERS_DIR=DIR bench/train.sh [mlp|cnn]...
#
# PEERS_DIR   holds ddp.sh, the peer; without it nothing is measured
# DATA_DIR    MNIST in IDX files (default ../shared/data/mnist beside the repository)
# PAIRS       how often each is run (default 3)
# STEPS       steps of each run (default 0: a whole epoch)
#
# Only ratios within one run of this script mean anything, and only on a quiet machine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data/mnist}
pairs=${PAIRS:-3}
steps=${STEPS:-0}
[ "$#" -gt 0 ] || set -- mlp cnn

if [ -z "${PEERS_DIR:-}" ] || [ ! -f "$PEERS_DIR/ddp.sh" ]; then
  echo "bench/train.sh: SKIPPED: PEERS_DIR does not name a folder with ddp.sh" >&2
  exit 0
fi
if [ ! -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "bench/train.sh: SKIPPED: no MNIST in $data (set DATA_DIR)" >&2
  exit 0
fi
data=$(CDPATH='' cd -- "$data" && pwd -P)

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
# `trireme` does not need this module, so it does not build it.
[ -f "$root/bench/target/bench.jar" ] ||
  (cd "$root" && mvn -q -B -DskipTests -Dspotless.check.skip -pl bench -am package >&2)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

note() { printf '%s %s\n' "$2" "$3" >>"$work/$1"; } # FILE KEY VALUE

# One run of ours: its rate, its accuracy, and the seconds from the command to the first step.
ours() { # MODEL RANKS
  run=$work/run
  rm -rf "$run"
  limit=
  [ "$steps" = 0 ] || limit="--set train.steps=$steps"
  began=$(date +%s.%N)
  # shellcheck disable=SC2086 # no limit is no argument
  "$root/trireme" train "$root/configs/bench/$1.yaml" --set data.path="$data" \
    --set parallel.workers="$2" $limit --run-dir "$run" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
  first=$(date -d "$(sed -n '1s/.*"time":"\([^"]*\)".*/\1/p' "$run/metrics.jsonl")" +%s.%N)
  note "$1" "ours$2" "$(sed -n 's/.*"samplesPerSecond" : \([0-9.E]*\).*/\1/p' "$run/result.json")"
  note "$1" "accuracy$2" "$(sed -n 's/.*"accuracy" : \([0-9.E-]*\).*/\1/p' "$run/result.json")"
  note "$1" "start$2" "$(echo "$first $began" | awk '{ printf "%.2f", $1 - $2 }')"
}

peer() { # MODEL
  STEPS=$steps "${BASH:-bash}" "$PEERS_DIR/ddp.sh" 2 "$1" "$data" >"$work/log" 2>&1
  note "$1" peer "$(sed -n 's/.*samples_per_s=\([0-9]*\).*/\1/p' "$work/log")"
  note "$1" peeraccuracy "$(sed -n 's/.*accuracy=\([0-9.]*\).*/\1/p' "$work/log")"
  note "$1" peerstart "$(sed -n 's/.*first_step_s=\([0-9.]*\).*/\1/p' "$work/log")"
}

bare() { # MODEL
  java_opts="@$root/ops/jvm.options"
  natives=$root/launcher/target/natives
  [ ! -d "$natives" ] ||
    java_opts="$java_opts -Djava.library.path=$natives -Dorg.bytedeco.javacpp.findLibraries=false"
  # shellcheck disable=SC2086 # options are a list
  OMP_NUM_THREADS=1 "${JAVA_HOME:+$JAVA_HOME/bin/}java" $java_opts \
    -cp "$root/bench/target/bench.jar:$root/launcher/target/lib/*" \
    dev.trireme.bench.BareLoop "$1" "$data" "$steps" >"$work/log" 2>&1
  note "$1" bare "$(sed -n 's/.*samples_per_s=\([0-9]*\).*/\1/p' "$work/log")"
}

median() { # FILE KEY
  awk -v key="$2" '$1 == key { print $2 }' "$work/$1" | sort -g |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

ratio() { # FILE KEY KEY: the median of the ratios pair by pair
  awk -v a="$2" -v b="$3" '$1 == a { x[++n] = $2 } $1 == b { y[++m] = $2 }
    END { for (i = 1; i <= n && i <= m; i++) print x[i] / y[i] }' "$work/$1" | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.2f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

row() { printf '%-5s  %-44s  %10s  %10s  %6s  %s\n' "$@"; }

row model "what (medians of $pairs)" ours other ratio target
for model in "$@"; do
  pair=0
  while [ "$pair" -lt "$pairs" ]; do
    pair=$((pair + 1))
    echo "$model, pair $pair of $pairs" >&2
    ours "$model" 2
    peer "$model"
    ours "$model" 1
    bare "$model"
  done
  case $model in
    mlp) ddp=2.0 single=1.3 ;;
    *) ddp=1.1 single=1.6 ;;
  esac
  row "$model" "samples/s: 2 ranks against PyTorch DDP" "$(median "$model" ours2)" \
    "$(median "$model" peer)" "$(ratio "$model" ours2 peer)" ">= $ddp"
  row "$model" "samples/s: 2 ranks against one rank" "$(median "$model" ours2)" \
    "$(median "$model" ours1)" "$(ratio "$model" ours2 ours1)" ">= $single"
  row "$model" "samples/s: one rank against the bare loop" "$(median "$model" ours1)" \
    "$(median "$model" bare)" "$(ratio "$model" ours1 bare)" ">= 0.95 (cnn)"
  row "$model" "seconds from command to first step" "$(median "$model" start2)" \
    "$(median "$model" peerstart)" "$(ratio "$model" start2 peerstart)" "<= 1.5"
  row "$model" "accuracy after one epoch" "$(median "$model" accuracy2)" \
    "$(median "$model" peeraccuracy)" "$(ratio "$model" accuracy2 peeraccuracy)" "within 0.01"
done
