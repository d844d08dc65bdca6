#!/bin/sh
# How long a decision of the scheduler takes on simulated clusters that are full, and what it costs in
# memory: the real scheduling code, with agents and jobs that are made up. Then the same for the whole
# of a coordinator: a message of a rank, a submission, the end of a job with the decision after it.
#
#   bench/schedule.sh [AGENTS:QUEUED]...       (default: 1000:10000 10000:10000)
#
# DECISIONS  that are measured, each after the end of a job (default 2000)
# CONTROL    AGENTS:JOBS of the coordinator (default 1000:9900), or none
# FLAGS      of the JVM (default: -Xmx2g)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
decisions=${DECISIONS:-2000}
control=${CONTROL:-1000:9900}
flags=${FLAGS:--Xmx2g}
[ "$#" -gt 0 ] || set -- 1000:10000 10000:10000

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
[ -f "$root/bench/target/bench.jar" ] ||
  (cd "$root" && mvn -q -B -DskipTests -Dspotless.check.skip -pl bench -am package >&2)

bench() { # CLASS ARGUMENTS...
  class=$1
  shift
  # shellcheck disable=SC2086 # flags are a list
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" @"$root/ops/jvm.options" $flags \
    -cp "$root/bench/target/bench.jar:$root/launcher/target/trireme.jar:$root/launcher/target/lib/*" \
    "dev.trireme.bench.$class" "$@"
}

for size in "$@"; do
  bench ScheduleBench "${size%%:*}" "${size##*:}" "$decisions"
done
if [ "$control" != none ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  bench ControlBench "${control%%:*}" "${control##*:}" "$decisions" "$work/runs"
fi
