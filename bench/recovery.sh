#!/bin/sh
# Kills one of two ranks again and again, at random moments of a step, and prints how long each
# recovery took: median and worst of every part of it, in seconds since the kill.
#
#   bench/recovery.sh [replace|shrink]...
#
# replace     the job has 2 ranks: a new one is started and waited for
# shrink      the job has 1 to 2 ranks: it goes on with one at once, and grows when another is ready
#
# DATA_DIR    MNIST in IDX files (default ../shared/data/mnist beside the repository)
# KILLS       how many (default 20)
# MODEL       of configs/bench (default cnn)
#
# The job has no evaluation set: a rank that is killed at the end of an epoch would have the next
# step wait for that epoch's evaluation, which is done again by those that are left.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data/mnist}
kills=${KILLS:-20}
model=${MODEL:-cnn}
[ "$#" -gt 0 ] || set -- replace shrink

if [ ! -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "bench/recovery.sh: SKIPPED: no MNIST in $data (set DATA_DIR)" >&2
  exit 0
fi
data=$(CDPATH='' cd -- "$data" && pwd -P)
"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
job=
trap 'if [ -n "$job" ]; then kill "$job" 2>/dev/null || true; wait "$job" || true; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; } # NAME <LINE
# There may be no file yet.
count() { { cat "$events" 2>/dev/null || true; } | grep -c "\"type\":\"$1\"" || true; } # TYPE

# Waits until the run has had so many events of a type; gives up with the run.
await() { # TYPE NUMBER
  while [ "$(count "$1")" -lt "$2" ]; do
    kill -0 "$job" 2>/dev/null || { cat "$work/err" >&2; exit 1; }
    sleep 0.1
  done
}

seconds() { date -d "$1" +%s.%N; } # TIME

one_kill() { # MODE FILE
  before=$(count recovered)
  pids=$(grep '"type":"generation"' "$events" | tail -1 | grep -o '"pid":[0-9]*' | cut -d: -f2)
  pid=$(printf '%s\n' "$pids" | shuf -n 1)
  sleep "$(shuf -i 1000-3000 -n 1 | sed 's/\(...\)$/.\1/')"
  failures=$(count failure)
  at=$(date +%s.%N)
  kill -9 "$pid"
  await failure $((failures + 1))
  await recovered $((before + 1))
  failed=$(seconds "$(grep '"type":"failure"' "$events" | tail -1 | field time)")
  line=$(grep '"type":"recovered"' "$events" | sed -n "$((before + 1))p")
  for part in aborted formed restored stepped; do
    printf '%s\n' "$line" | field "${part}Seconds"
  done | tr '\n' ' ' | awk -v at="$at" -v failed="$failed" \
    '{d = failed - at; print d, $1 + d, $2 + d, $3 + d, $4 + d}' >>"$2"
  [ "$1" = replace ] || await recovered $((before + 2)) # it has grown again
}

column() { # FILE NUMBER
  awk -v c="$2" '{print $c}' "$1" | sort -g |
    awk '{v[NR] = $1} END {printf "%9.3f %9.3f", v[int((NR + 1) / 2)], v[NR]}'
}

measure() { # MODE
  workers=2
  [ "$1" = replace ] || workers='"1:2"'
  run=$work/$1
  events=$run/events.jsonl
  "$root/trireme" train "$root/configs/bench/$model.yaml" --run-dir "$run" \
    --set "data.path=$data" --set data.eval=null --set train.epochs=1000 --set "parallel.workers=$workers" \
    --set 'failurePolicy={maxRestarts: 1000}' >/dev/null 2>"$work/err" &
  job=$!
  await rank-ready 2
  n=0
  while [ "$n" -lt "$kills" ]; do
    one_kill "$1" "$work/$1.txt"
    n=$((n + 1))
  done
  kill "$job"
  wait "$job" || true
  job=
  echo "$1, $model, $kills kills: seconds since the kill"
  printf '%-10s %9s %9s\n' until median worst
  number=1
  for part in detected aborted formed restored stepped; do
    printf '%-10s %s\n' "$part" "$(column "$work/$1.txt" "$number")"
    number=$((number + 1))
  done
}

for mode in "$@"; do
  measure "$mode"
done
