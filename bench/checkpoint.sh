#!/bin/sh
# Saves and restores a state of one rank, with the flags of a rank, and prints medians beside a copy in
# memory and `dd` with fsync of as many bytes to the same disk, in turn. `dd` writes random bytes
# that lie in memory: of zeros some disks make less work.
#
#   bench/checkpoint.sh [DIR]       DIR on the disk to measure (default: a temporary one)
#
# MIB      of state (default 400)
# SAVES    how often (default 7; the first is left out)
# FLAGS    of the JVM, beside those that every Trireme JVM has (default: those of a rank)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
mib=${MIB:-400}
saves=${SAVES:-7}
flags=${FLAGS:--XX:+UseSerialGC -Xms16m -Xmx512m -XX:TieredStopAtLevel=1}
work=$(mktemp -d "${1:-${TMPDIR:-/tmp}}/trireme-bench.XXXXXX")
bytes=$(mktemp /dev/shm/trireme-bench.XXXXXX)
trap 'rm -rf "$work" "$bytes"' EXIT
trap 'exit 130' INT TERM # ends through the line above

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
[ -f "$root/bench/target/bench.jar" ] ||
  (cd "$root" && mvn -q -B -DskipTests -Dspotless.check.skip -pl bench -am package >&2)

head -c "$((mib << 20))" /dev/urandom >"$bytes"

median() { # KEY
  awk -F= -v key="$1" '$1 == key { print $2 }' "$work/log" | tail -n +2 | sort -g |
    awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

disk() {
  began=$(date +%s%N)
  dd if="$bytes" of="$work/dd" bs=1M count="$mib" conv=fsync 2>/dev/null
  echo "dd_ms=$((($(date +%s%N) - began) / 1000000))" >>"$work/log"
  rm "$work/dd"
}

run=0
while [ "$run" -lt 3 ]; do run=$((run + 1)); disk; done
# shellcheck disable=SC2086 # flags are a list
"${JAVA_HOME:+$JAVA_HOME/bin/}java" @"$root/ops/jvm.options" $flags \
  -cp "$root/bench/target/bench.jar:$root/launcher/target/lib/*" \
  dev.trireme.bench.CheckpointBench "$work/checkpoints" "$mib" "$saves" >>"$work/log" 2>"$work/err" || {
  cat "$work/err" >&2
  exit 1
}
run=0
while [ "$run" -lt 4 ]; do run=$((run + 1)); disk; done

row() { printf '%-44s  %10s  %10s  %6s  %s\n' "$@"; }
ratio() { echo "$1 $2" | awk '{ printf "%.2f", $1 / $2 }'; }
row "$mib MiB, medians of $((saves - 1)) in ms" ours other ratio target
row "stall of a save against a copy in memory" "$(median stall_ms)" "$(median copy_ms)" \
  "$(ratio "$(median stall_ms)" "$(median copy_ms)")" "<= 1.2"
row "write rate against dd with fsync" "$(median write_ms)" "$(median dd_ms)" \
  "$(ratio "$(median dd_ms)" "$(median write_ms)")" ">= 0.8"
row "load rate against dd with fsync" "$(median load_ms)" "$(median dd_ms)" \
  "$(ratio "$(median dd_ms)" "$(median load_ms)")" ">= 0.8"
