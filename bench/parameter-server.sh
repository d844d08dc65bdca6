#!/bin/sh
# Sets the parameter server beside all-reduce, and its ways of waiting beside each other.
#
#   bench/parameter-server.sh [exchange|slow|movielens|copy|links]...
#
# exchange    bsp with 2 workers and 1 server against all-reduce with 2 ranks, on configs/bench
# slow        the quickstart on 3 workers, one of which runs a fifth of the time: bsp, ssp 4, asp,
#             and all-reduce
# movielens   configs/movielens-collab.yaml: rows alone against whole tables
# copy        push and pull of 100 MiB between two threads, against two copies of that in memory
# links       2 workers and a server on three hosts (network namespaces) whose links are slow, against
#             2 ranks on two of them; needs root and tc, and is not run unless asked for
#
# DATA_DIR    holds mnist and movielens-latest-small (default ../shared/data beside the repository)
# PAIRS       how often each is run (default 3)
# STEPS       steps of each run of `exchange`, without accuracies (default 0: a whole epoch)
# RATES       of `links` (default "1gbit 100mbit"), LINK_STEPS of each run there (default 40)
# WAYS        of `slow`, bsp first (default "bsp ssp asp allreduce")
#
# Only ratios within one run of this script mean anything, and only on a quiet machine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
data=${DATA_DIR:-$root/../shared/data}
pairs=${PAIRS:-3}
steps=${STEPS:-0}
ways=${WAYS:-bsp ssp asp allreduce}
rates=${RATES:-1gbit 100mbit}
link_steps=${LINK_STEPS:-40}
[ "$#" -gt 0 ] || set -- exchange slow movielens copy

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
job=
braked=
services=
spaces=
cleanup() {
  for pid in $services; do kill "$pid" 2>/dev/null || true; done
  [ -z "$braked" ] || kill "$braked" 2>/dev/null || true
  [ -z "$job" ] || kill "$job" 2>/dev/null || true
  wait || true
  for space in $spaces; do ip netns del "$space" || true; done
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

# Three hosts on one machine: a network namespace each, joined by a bridge in a fourth.
hosts() {
  for name in hub 1 2 3; do
    ip netns add "$prefix$name"
    spaces="$prefix$name $spaces"
  done
  ip -n "${prefix}hub" link add hub type bridge
  ip -n "${prefix}hub" link set hub up
  for host in 1 2 3; do
    ip link add eth0 netns "$prefix$host" type veth peer name "plug$host" netns "${prefix}hub"
    ip -n "$prefix$host" link set lo up
    ip -n "$prefix$host" addr add "10.78.0.$host/24" dev eth0
    ip -n "$prefix$host" link set eth0 up
    ip -n "${prefix}hub" link set "plug$host" master hub
    ip -n "${prefix}hub" link set "plug$host" up
  done
}

# Both ways of each link, with a queue as a switch has one.
limit() { # RATE
  for host in 1 2 3; do
    tc -n "$prefix$host" qdisc replace dev eth0 root tbf rate "$1" burst 256kb latency 50ms
    tc -n "${prefix}hub" qdisc replace dev "plug$host" root tbf rate "$1" burst 256kb latency 50ms
  done
}

on() { # HOST ARGUMENT...: the command, on a host of its own name
  host=$1
  shift
  # shellcheck disable=SC2016 # expanded there
  TRIREME_BUILD=never exec ip netns exec "$prefix$host" unshare --uts \
    sh -c 'hostname "$0" && exec "$@"' "host$host" "$root/trireme" "$@"
}

ask() { # ARGUMENT...: a user's command on the first host
  (on 1 "$@" --cluster 10.78.0.1:7401 --credentials "$work/credentials")
}

linked() { # NAME SPEC SETTING...
  name=$1
  spec=$2
  shift 2
  for setting in "$@"; do
    shift
    set -- "$@" --set "$setting"
  done
  id=$(ask job submit "$spec" "$@" 2>"$work/log") || {
    cat "$work/log" >&2
    exit 1
  }
  ask job wait "$id" >"$work/log" 2>&1 || {
    ask job show "$id" >&2
    cat "$work/log" >&2
    exit 1
  }
  run=$(ask job show "$id" --json | sed -n 's/.*"runDirectory" *: *"\([^"]*\)".*/\1/p')
  note links "$name" "$(figure "$run" samplesPerSecond)"
}

links() {
  if [ "$(id -u)" != 0 ] || ! command -v tc >/dev/null || ! ip netns list >/dev/null 2>&1; then
    echo "bench/parameter-server.sh: links SKIPPED: needs root, tc and network namespaces" >&2
    return
  fi
  prefix=trps$$-
  hosts
  limit 10gbit
  cd "$work"
  (on 1 cluster init credentials) >"$work/log" 2>&1
  cat >"$work/coordinator.yaml" <<END
name: c1
listen: 10.78.0.1:7400
coordinators: ['10.78.0.1:7400']
api: 10.78.0.1:7401
health: 127.0.0.1:7402
credentials: $work/credentials
stateDirectory: $work/state
runs: $work/runs
END
  (on 1 coordinator --config "$work/coordinator.yaml") >"$work/c1.log" 2>&1 &
  services=$!
  for host in 1 2 3; do
    (on "$host" agent --join 10.78.0.1:7400 --name "a$host" --slots 1 \
      --credentials "$work/credentials") >"$work/a$host.log" 2>&1 &
    services="$services $!"
  done
  tries=0
  until [ "$(ask cluster show --json 2>/dev/null | grep -o '"a[123]"' | sort -u | wc -l)" = 3 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { cat "$work/c1.log" >&2; exit 1; }
    sleep 1
  done
  dense=$root/configs/bench/mlp.yaml
  rows=$root/configs/movielens-collab.yaml
  served=parallel.sync=parameter-server
  for rate in $rates; do
    limit "$rate"
    echo "links of $rate" >&2
    set -- "data.path=$data/mnist" data.eval=null "train.steps=$link_steps"
    for bits in none bfloat16; do
      linked "$rate-mlp-$bits" "$dense" "$@" "parallel.compression=$bits"
      [ "$bits" = none ] && served_ways="bsp ssp asp" || served_ways=bsp
      for way in $served_ways; do
        [ "$way" = ssp ] && consistency='{ssp: 4}' || consistency=$way
        linked "$rate-mlp-$bits-$way" "$dense" "$@" "parallel.compression=$bits" $served \
          "parallel.parameterServer={consistency: $consistency}"
        row "$rate, mlp, compression $bits: samples/s, $way" \
          "$(median links "$rate-mlp-$bits-$way")" "$(median links "$rate-mlp-$bits")" \
          "$(ratio links "$rate-mlp-$bits-$way" "$rate-mlp-$bits")" "reported"
      done
    done
    set -- "data.path=$data/movielens-latest-small" data.eval=null "train.steps=$link_steps"
    linked "$rate-rows" "$rows" "$@" parallel.sync=allreduce parallel.parameterServer=null
    for way in bsp asp; do
      linked "$rate-rows-$way" "$rows" "$@" "parallel.parameterServer={consistency: $way}"
      row "$rate, movielens: samples/s, $way" "$(median links "$rate-rows-$way")" \
        "$(median links "$rate-rows")" \
        "$(ratio links "$rate-rows-$way" "$rate-rows")" "reported"
    done
  done
}

row what server other ratio target
for what in "$@"; do
  case $what in
    exchange | slow | movielens | copy | links) "$what" ;;
    *)
      echo "bench/parameter-server.sh: expected exchange, slow, movielens, copy or links, found $what" >&2
      exit 2
      ;;
  esac
done
