#!/bin/sh
# What a long run keeps of its speed and of its memory.
#
#   bench/endurance.sh [kills|saves|memory]...
#
# kills    steps committed while a rank is killed every EVERY, against as long without
# saves    steps committed with a checkpoint every minute, against as long without, PAIRS times in turn
# memory   memory of the ranks after 1,000 and after 10,000 steps
#
# DATA_DIR  MNIST in IDX files (default ../shared/data/mnist beside the repository)
# MODEL     of configs/bench (default cnn; memory takes mlp)
# FOR       seconds of each measurement (default 600); with saves of all of them together
# BASE      seconds of the measurement without kills (default FOR)
# PAIRS     of saves (default 3): a machine's speed drifts by more than saves cost within ten minutes
# EVERY     mean time between two kills (default 60s)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data/mnist}
model=${MODEL:-cnn}
seconds=${FOR:-600}
base_seconds=${BASE:-$seconds}
every=${EVERY:-60s}
pairs=${PAIRS:-3}
[ "$#" -gt 0 ] || set -- kills saves memory

if [ ! -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "bench/endurance.sh: SKIPPED: no MNIST in $data (set DATA_DIR)" >&2
  exit 0
fi
data=$(CDPATH='' cd -- "$data" && pwd -P)
"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
job=
trap 'if [ -n "$job" ]; then kill "$job" 2>/dev/null || true; wait "$job" || true; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

start() { # NAME MODEL SETTING...
  run=$work/$1
  spec=$root/configs/bench/$2.yaml
  shift 2
  arguments=
  for setting in "$@"; do
    arguments="$arguments --set $setting"
  done
  # shellcheck disable=SC2086 # settings hold no blanks
  "$root/trireme" train "$spec" --run-dir "$run" --set "data.path=$data" --set train.epochs=1000 \
    --set parallel.workers=2 --set failurePolicy.maxRestarts=1000 $arguments >/dev/null 2>"$work/err" &
  job=$!
  await_step 20
}

step() { # the newest that was reported
  { cat "$run/metrics.jsonl" 2>/dev/null || true; } | tail -2 | grep -o '"step":[0-9]*' | tail -1 | cut -d: -f2
}

await_step() { # NUMBER
  while now=$(step) && [ "${now:-0}" -lt "$1" ]; do
    kill -0 "$job" 2>/dev/null || { cat "$work/err" >&2; exit 1; }
    sleep 0.2
  done
}

end() {
  kill "$job" 2>/dev/null || true
  wait "$job" || true
  job=
}

# Steps committed within so many seconds, into $steps.
count() { # SECONDS [CHAOS ARGUMENT...]
  lasting=$1
  shift
  first=$(step)
  if [ "$#" -gt 0 ]; then
    "$root/trireme" chaos "$run" "$@" >"$work/chaos.txt" 2>&1 &
    chaos=$!
  else
    chaos=
  fi
  sleep "$lasting"
  steps=$(($(step) - first))
  [ -z "$chaos" ] || wait "$chaos" || true
}

compare() { # WHAT SECONDS SECONDS_WITHOUT
  awk -v a="$steps" -v b="$base" -v what="$1" -v s="$2" -v t="$3" \
    'BEGIN {printf "%s: %d steps in %d s, %d in %d s without: %.3f\n", what, a, s, b, t, a / s / (b / t)}'
}

saves_in_turn() {
  part=$((seconds / pairs))
  pair=0
  while [ "$pair" -lt "$pairs" ]; do
    pair=$((pair + 1))
    start "without$pair" "$model"
    count "$part"
    base=$steps
    end
    start "saves$pair" "$model" checkpoint.everyMinutes=1
    count "$part"
    end
    compare "a checkpoint every minute" "$part" "$part" | tee -a "$work/saves.txt"
  done
  sed 's/.*: //' "$work/saves.txt" | sort -g |
    awk '{v[NR] = $1} END {printf "median of %d: %.3f\n", NR, NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'
}

memory() { # resident kB of each rank
  pids=$(grep '"type":"generation"' "$run/events.jsonl" | tail -1 | grep -o '"pid":[0-9]*' | cut -d: -f2)
  for pid in $pids; do
    awk '/VmRSS/ {printf "%d kB  ", $2}' "/proc/$pid/status"
  done
  grep -o '"nativeBytes":[0-9]*' "$run/metrics.jsonl" | tail -1
}

for mode in "$@"; do
  case $mode in
  kills)
    start kills "$model"
    count "$base_seconds"
    base=$steps
    count "$seconds" --kill-every "$every" --for "${seconds}s" --seed 1
    end
    compare "a rank killed every $every" "$seconds" "$base_seconds"
    cat "$work/chaos.txt"
    ;;
  saves) saves_in_turn ;;
  memory)
    start memory mlp
    await_step 1000
    echo "step $(step): $(memory)"
    await_step 10000
    echo "step $(step): $(memory)"
    end
    ;;
  *)
    echo "bench/endurance.sh: expected kills, saves or memory, found $mode" >&2
    exit 2
    ;;
  esac
done
