#!/bin/sh
# How long a decision of the scheduler takes on simulated clusters that are full, and what it costs in
# memory: the real scheduling code, with agents and jobs that are made up.
#
#   bench/schedule.sh [AGENTS:QUEUED]...       (default: 1000:10000 10000:10000)
#
# DECISIONS  that are measured, each after the end of a job (default 2000)
# FLAGS      of the JVM (default: -Xmx2g)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
decisions=${DECISIONS:-2000}
flags=${FLAGS:--Xmx2g}
[ "$#" -gt 0 ] || set -- 1000:10000 10000:10000

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
[ -f "$root/bench/target/bench.jar" ] ||
  (cd "$root" && mvn -q -B -DskipTests -Dspotless.check.skip -pl bench -am package >&2)

for size in "$@"; do
  # shellcheck disable=SC2086 # flags are a list
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" @"$root/ops/jvm.options" $flags \
    -cp "$root/bench/target/bench.jar:$root/launcher/target/lib/*" \
    dev.trireme.bench.ScheduleBench "${size%%:*}" "${size##*:}" "$decisions"
done
