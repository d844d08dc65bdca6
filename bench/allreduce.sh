#!/bin/sh
# Measures all-reduces of float32 sums beside Gloo and beside OpenMPI's shared memory, in turn on this
# machine, and prints the medians of the times and the ratios beside their targets.
#
#   PEERS_DIR=DIR bench/allreduce.sh [RANKS]...      RANKS: 2 and 4 by default
#
# PEERS_DIR   holds allreduce_gloo.sh and allreduce_mpi.sh, the peers; without it nothing is measured
# ROUNDS      how often each is run (default 3)
# SIZES       in KiB (default all that the peers measure: 4 64 1024 4096 25600 102400)
# TRANSPORT   ipc (default), tcp (as between the hosts of a job) or udp, ours; the last two are set beside Gloo only
# ALGORITHM   of ours (default auto)
#
# Ours is started anew for each size; the peers know no single sizes, so each of their runs measures all
# of them, one after the other. Only ratios within one run of this script mean anything, and only on a
# quiet machine.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
rounds=${ROUNDS:-3}
sizes=${SIZES:-4 64 1024 4096 25600 102400}
transport=${TRANSPORT:-ipc}
algorithm=${ALGORITHM:-auto}
[ "$#" -gt 0 ] || set -- 2 4

for script in allreduce_gloo.sh allreduce_mpi.sh; do
  if [ -z "${PEERS_DIR:-}" ] || [ ! -f "$PEERS_DIR/$script" ]; then
    echo "bench/allreduce.sh: SKIPPED: PEERS_DIR does not name a folder with $script" >&2
    exit 0
  fi
done

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

# A line for each time: ranks, who, KiB, microseconds.
note() { printf '%s %s %s %s\n' "$@" >>"$work/times"; }

ours() { # RANKS KIB
  "$root/trireme" bench allreduce --ranks "$1" -b "$2k" -e "$2k" --transport "$transport" \
    --algorithm "$algorithm" >"$work/ours" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
  }
  note "$1" ours "$2" "$(awk '$3 == "float32" { print $5 }' "$work/ours")"
}

# What the peers set and find for themselves is theirs alone, and nothing of ours reaches them.
peer() { # RANKS NAME
  env -i HOME="$HOME" PATH="$PATH" ${PEERS:+PEERS="$PEERS"} \
    bash "$PEERS_DIR/allreduce_$2.sh" "$1" >"$work/$2" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
  }
  grep -q 'kib=' "$work/$2" || {
    cat "$work/log" >&2
    echo "bench/allreduce.sh: allreduce_$2.sh printed no times; is it set up?" >&2
    exit 1
  }
  sed -n 's/.* kib=\([0-9]*\) us=\([0-9.]*\) .*/\1 \2/p' "$work/$2" >"$work/peer"
  while read -r kib us; do
    note "$1" "$2" "$kib" "$us"
  done <"$work/peer"
}

median() { # RANKS WHO KIB
  awk -v r="$1" -v w="$2" -v k="$3" '$1 == r && $2 == w && $3 == k { print $4 }' "$work/times" |
    sort -g | awk '{ v[NR] = $1 }
      END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# The most that our time may be of a peer's.
target() { # RANKS WHO KIB
  case $transport/$2 in
    tcp/gloo | udp/gloo) if [ "$3" -le 4096 ]; then echo 1.0; else echo 1.5; fi ;;
    tcp/* | udp/*) echo - ;;
    */gloo) if [ "$1" -le 2 ]; then echo 0.2; else echo 0.25; fi ;;
    *)
      if [ "$3" -le 64 ]; then
        if [ "$1" -le 2 ]; then echo 10; else echo 6; fi
      elif [ "$3" -le 4096 ]; then
        if [ "$1" -le 2 ]; then echo 1.5; else echo 1.2; fi
      else
        echo 1.0
      fi
      ;;
  esac
}

# The ratio, its target, and whether it is met.
against() { # OURS PEER TARGET
  awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN {
    if (b <= 0) { printf "%8s %6s %-6s", "-", t, "-"; exit }
    printf "%8.3f %6s %-6s", a / b, t, t == "-" ? "-" : (a / b <= t ? "met" : "missed") }'
}

for ranks in "$@"; do
  round=0
  while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "$ranks ranks, round $round of $rounds" >&2
    for kib in $sizes; do
      ours "$ranks" "$kib"
    done
    peer "$ranks" gloo
    peer "$ranks" mpi
  done
done

echo "microseconds, medians of $rounds; $transport, algorithm $algorithm; $(getconf _NPROCESSORS_ONLN) cores"
printf '%5s %8s %10s %10s %8s %6s %-6s %10s %8s %6s %s\n' \
  ranks KiB ours gloo ratio target '' mpi ratio target ''
for ranks in "$@"; do
  for kib in $sizes; do
    mine=$(median "$ranks" ours "$kib")
    gloo=$(median "$ranks" gloo "$kib")
    mpi=$(median "$ranks" mpi "$kib")
    printf '%5s %8s %10s %10s %s %10s %s\n' "$ranks" "$kib" "$mine" "$gloo" \
      "$(against "$mine" "$gloo" "$(target "$ranks" gloo "$kib")")" "$mpi" \
      "$(against "$mine" "$mpi" "$(target "$ranks" mpi "$kib")")"
  done
done
