#!/bin/sh
# Sets the parameter server beside all-reduce, and its ways of waiting beside each other.
#
#   bench/parameter-server.sh [exchange|slow|movielens|copy]...
#
# exchange    bsp with 2 workers and 1 server against all-reduce with 2 ranks, on configs/bench
# slow        the quickstart on 3 workers, one of which runs a fifth of the time: bsp, ssp 4, asp,
#             and all-reduce
# movielens   configs/movielens-collab.yaml: rows alone against whole tables
# copy        push and pull of 100 MiB between two threads, against two copies of that in memory
#
# DATA_DIR    holds mnist and movielens-latest-small (default ../shared/data beside the repository)
# PAIRS       how often each is run (default 3)
# STEPS       steps of each run of `exchange`, without accuracies (default 0: a whole epoch)
# WAYS        of `slow`, bsp first (default "bsp ssp asp allreduce")
#
# Only ratios within one run of this script mean anything, and only on a quiet machine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data}
pairs=${PAIRS:-3}
steps=${STEPS:-0}
ways=${WAYS:-bsp ssp asp allreduce}
[ "$#" -gt 0 ] || set -- exchange slow movielens copy

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
job=
braked=
cleanup() {
  [ -z "$braked" ] || kill "$braked" 2>/dev/null || true
  [ -z "$job" ] || kill "$job" 2>/dev/null || true
  wait || true
  rm -rf "$work"
}
trap cleanup EXIT
trap "exit 143" TERM
trap "exit 130" INT

note() { printf '%s %s\n' "$2" "$3" >>"$work/$1"; } # FILE KEY VALUE

figure() { sed -n "s/.*\"$2\" : \\([0-9.E-]*\\).*/\\1/p" "$1/result.json"; } # RUN NAME

median() { # FILE KEY
  awk -v key="$2" '$1 == key { print $2 }' "$work/$1" | sort -g |
    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

ratio() { # FILE KEY KEY: the median of the ratios pair by pair
  awk -v a="$2" -v b="$3" '$1 == a { x[++n] = $2 } $1 == b { y[++m] = $2 }
    END { for (i = 1; i <= n && i <= m; i++) print x[i] / y[i] }' "$work/$1" | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.3f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

row() { printf '%-52s  %12s  %12s  %7s  %s\n' "$@"; }

train() { # RUN JOB SETTING...
  run=$1
  spec=$2
  shift 2
  rm -rf "$run"
  for setting in "$@"; do
    shift
    set -- "$@" --set "$setting"
  done
  "$root/trireme" train "$spec" --run-dir "$run" "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
}

exchange() {
  mnist=$data/mnist
  if [ ! -f "$mnist/train-images-idx3-ubyte.gz" ]; then
    echo "bench/parameter-server.sh: exchange SKIPPED: no MNIST in $mnist (set DATA_DIR)" >&2
    return
  fi
  for model in cnn mlp; do
    [ "$model" = cnn ] && target=0.8 || target=0.6
    pair=0
    while [ "$pair" -lt "$pairs" ]; do
      pair=$((pair + 1))
      echo "exchange, $model, pair $pair of $pairs" >&2
      for way in allreduce parameter-server; do
        set -- "data.path=$mnist" "parallel.sync=$way"
        [ "$steps" = 0 ] || set -- "$@" "train.steps=$steps" data.eval=null
        train "$work/run" "$root/configs/bench/$model.yaml" "$@"
        note "exchange-$model" "$way" "$(figure "$work/run" samplesPerSecond)"
        [ "$steps" != 0 ] ||
          note "exchange-$model" "accuracy-$way" "$(figure "$work/run" accuracy)"
      done
    done
    row "$model: samples/s, server against all-reduce" \
      "$(median "exchange-$model" parameter-server)" "$(median "exchange-$model" allreduce)" \
      "$(ratio "exchange-$model" parameter-server allreduce)" ">= $target"
    [ "$steps" != 0 ] || row "$model: accuracy" "$(median "exchange-$model" accuracy-parameter-server)" \
      "$(median "exchange-$model" accuracy-allreduce)" "" "the same"
  done
}

# Lets a process run a fifth of the time, until it is gone.
brake() { # PID
  while kill -STOP "$1" 2>/dev/null; do
    sleep 0.08
    kill -CONT "$1" 2>/dev/null || return 0
    sleep 0.02
  done
}

# The quickstart with its second worker braked, from the first step on.
braked_run() { # NAME SETTING...
  name=$1
  shift
  for setting in "$@"; do
    shift
    set -- "$@" --set "$setting"
  done
  rm -rf "$work/run"
  "$root/trireme" train "$root/configs/quickstart.yaml" --run-dir "$work/run" \
    --set parallel.workers=3 "$@" >"$work/log" 2>&1 &
  job=$!
  while [ ! -s "$work/run/metrics.jsonl" ]; do
    kill -0 "$job" 2>/dev/null || break
    sleep 0.05
  done
  began=$(date +%s.%N)
  pid=$(sed -n 's/.*"rank":1,[^}]*"pid":\([0-9]*\).*/\1/p' "$work/run/events.jsonl" | head -1)
  brake "$pid" &
  braked=$!
  wait "$job" || {
    cat "$work/log" >&2
    exit 1
  }
  job=
  wait "$braked" || true
  braked=
  note slow "$name" "$(echo "$(date +%s.%N) $began" | awk '{ printf "%.2f", $1 - $2 }')"
  note slow "accuracy-$name" "$(figure "$work/run" accuracy)"
  note slow "staleness-$name" "$(figure "$work/run" stalenessMean)"
}

slow() {
  served=parallel.sync=parameter-server
  pair=0
  while [ "$pair" -lt "$pairs" ]; do
    pair=$((pair + 1))
    echo "slow, round $pair of $pairs" >&2
    for way in $ways; do
      case $way in
        ssp) braked_run ssp $served "parallel.parameterServer={consistency: {ssp: 4}}" ;;
        allreduce) braked_run allreduce parallel.sync=allreduce ;;
        *) braked_run "$way" $served "parallel.parameterServer={consistency: $way}" ;;
      esac
    done
  done
  for way in $ways; do
    [ "$way" != bsp ] || continue
    target="<= 0.5"
    [ "$way" != allreduce ] || target=
    row "one of 3 workers at a fifth: seconds, $way against bsp" "$(median slow "$way")" \
      "$(median slow bsp)" "$(ratio slow "$way" bsp)" "$target"
    row "    accuracy" "$(median slow "accuracy-$way")" "$(median slow accuracy-bsp)" "" "the same"
    [ "$way" = allreduce ] ||
      row "    mean staleness, in steps" "$(median slow "staleness-$way")" "" "" ""
  done
}

movielens() {
  ratings=$data/movielens-latest-small
  if [ ! -f "$ratings/ratings.csv" ]; then
    echo "bench/parameter-server.sh: movielens SKIPPED: no ratings.csv in $ratings (set DATA_DIR)" >&2
    return
  fi
  spec=$root/configs/movielens-collab.yaml
  for sparse in true false; do
    echo "movielens, sparse: $sparse" >&2
    train "$work/run" "$spec" "data.path=$ratings" \
      "parallel.parameterServer={servers: 1, sparse: $sparse}"
    note movielens "bytes-$sparse" "$(figure "$work/run" servedBytes)"
    note movielens "rmse-$sparse" "$(figure "$work/run" rmse)"
    note movielens "rate-$sparse" "$(figure "$work/run" samplesPerSecond)"
  done
  row "movielens: bytes on the wire, rows against all" "$(median movielens bytes-true)" \
    "$(median movielens bytes-false)" "$(ratio movielens bytes-true bytes-false)" "<= 0.05"
  row "    rmse of the validation part" "$(median movielens rmse-true)" \
    "$(median movielens rmse-false)" "" "<= 0.90"
  row "    samples/s" "$(median movielens rate-true)" "$(median movielens rate-false)" \
    "$(ratio movielens rate-true rate-false)" ""
}

copy() {
  # `trireme` does not need this module, so it does not build it.
  [ -f "$root/bench/target/bench.jar" ] ||
    (cd "$root" && mvn -q -B -DskipTests -Dspotless.check.skip -pl bench -am package >&2)
  # shellcheck disable=SC2086 # options are a list
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" "@$root/ops/jvm.options" \
    -cp "$root/bench/target/bench.jar:$root/launcher/target/trireme.jar:$root/launcher/target/lib/*" \
    dev.trireme.bench.PushPullBench "$root/configs/quickstart.yaml"
}

row what server other ratio target
for what in "$@"; do
  case $what in
    exchange | slow | movielens | copy) "$what" ;;
    *)
      echo "bench/parameter-server.sh: expected exchange, slow, movielens or copy, found $what" >&2
      exit 2
      ;;
  esac
done
