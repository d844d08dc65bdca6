#!/bin/sh
# How long a job takes from its submission to its first step on a cluster that is warm: a coordinator
# and two agents on this machine, with credentials, each agent with one slot, so that a job's two ranks
# speak as between hosts. Prints median and worst in seconds: what a rank's own start-up takes, from its
# process to its readiness, and what comes on top of it, from the moment at which the coordinator had
# accepted the job; and the same from the start of the command that submits it.
#
#   bench/submit.sh
#
# JOBS   how many are measured, after a first one that is not (default 20)
# MODEL  a job's file (default configs/quickstart.yaml)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
jobs=${JOBS:-20}
model=${MODEL:-$root/configs/quickstart.yaml}

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
export TRIREME_BUILD=never
work=$(mktemp -d)
export XDG_CACHE_HOME="$work/cache"
services=
end() {
  for pid in $services; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM # ends through the line above

field() { sed -n "s/.*\"$1\" *: *\"\{0,1\}\([^,\"}]*\).*/\1/p" | head -n 1; } # NAME <JSON
seconds() { date -d "$1" +%s.%N; } # TIME
event() { grep "\"type\":\"$1\"" "$2" | tail -n 1 | field time; } # TYPE FILE
client() { "$root/trireme" "$@" --cluster "$api" --credentials "$work/credentials"; }

cd "$work"
"$root/trireme" cluster init credentials >/dev/null
cat >coordinator.yaml <<END
listen: 127.0.0.1:0
api: 127.0.0.1:0
health: 127.0.0.1:0
credentials: credentials
stateDirectory: state
runs: runs
END
"$root/trireme" coordinator --config coordinator.yaml >out 2>err &
services=$!
waited=0
until [ -s state/addresses.json ]; do
  waited=$((waited + 1))
  [ "$waited" -lt 600 ] || { cat err >&2; exit 1; }
  sleep 0.1
done
api=$(field api <state/addresses.json)
control=$(field control <state/addresses.json)
for agent in a1 a2; do
  "$root/trireme" agent --join "$control" --name "$agent" --slots 1 --credentials credentials \
    >>out 2>>err &
  services="$! $services"
done

one() { # FILE
  before=$(date +%s.%N)
  id=$(client job submit "$model" --set parallel.workers=2 --set train.steps=10)
  client job wait "$id" >/dev/null 2>&1 || { client job show "$id" >&2; cat err >&2; exit 1; }
  run=$(client job show "$id" --json | field runDirectory)
  accepted=$(seconds "$(head -n 1 "$run/events.jsonl" | field time)")
  there=$(seconds "$(event generation "$run/events.jsonl")")
  ready=$(seconds "$(event rank-ready "$run/events.jsonl")")
  stepped=$(seconds "$(head -n 1 "$run/metrics.jsonl" | field time)")
  echo "$before $accepted $there $ready $stepped" |
    awk '{own = $4 - $3; print own, $5 - $2 - own, $5 - $2, $5 - $1}' >>"$1"
}

one first # the agents have joined by its end, and everything has been loaded once
number=0
while [ "$number" -lt "$jobs" ]; do
  one rows
  number=$((number + 1))
done

column() { # NUMBER
  awk -v c="$1" '{print $c}' rows | sort -g |
    awk '{v[NR] = $1} END {printf "%9.3f %9.3f", v[int((NR + 1) / 2)], v[NR]}'
}

echo "$(basename "$model"), 2 ranks on 2 agents, $jobs jobs one after the other: seconds"
printf '%-52s %9s %9s\n' what median worst
printf '%-52s %s\n' "a rank's own start-up, process to ready" "$(column 1)"
printf '%-52s %s\n' "on top of it, from acceptance to the first step" "$(column 2)"
printf '%-52s %s\n' "from acceptance to the first step" "$(column 3)"
printf '%-52s %s\n' "from the command's start to the first step" "$(column 4)"
