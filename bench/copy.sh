#!/bin/sh
# Sets an all-reduce of 100 MiB between ranks of this host beside what as many processes reach that each copy
# 100 MiB at once, in turn, and prints the medians: an all-reduce reads and writes a rank's bytes once at the
# least, as a copy does.
#
#   bench/copy.sh [RANKS]...           RANKS: 2 and 4 by default
#
# ROUNDS  how often each is run (default 3)
#
# Needs a C compiler as cc; without one nothing is measured. Only on a quiet machine does it mean anything.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
rounds=${ROUNDS:-3}
[ "$#" -gt 0 ] || set -- 2 4
command -v cc >/dev/null || {
  echo "bench/copy.sh: SKIPPED: there is no C compiler cc" >&2
  exit 0
}

"$root/trireme" --version >/dev/null # builds what it needs before anything is timed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM # ends through the line above

# Each process prints the median microseconds of 60 copies.
cat >"$work/copy.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES 60

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void copy(void) {
  size_t bytes = 100u << 20;
  char *from = malloc(bytes), *to = malloc(bytes);
  double took[TIMES];
  if (!from || !to) exit(1);
  memset(from, 1, bytes);
  memset(to, 2, bytes);
  for (int i = 0; i < TIMES; i++) {
    double start = now();
    memcpy(to, from, bytes);
    took[i] = now() - start;
  }
  qsort(took, TIMES, sizeof took[0], ascending);
  printf("%.1f\n", took[TIMES / 2]);
}

int main(int count, char **words) {
  int processes = count > 1 ? atoi(words[1]) : 2;
  for (int i = 0; i < processes; i++) {
    if (!fork()) {
      copy();
      return 0;
    }
  }
  while (wait(NULL) > 0) {}
  return 0;
}
C
cc -O2 -o "$work/copy" "$work/copy.c"

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

printf '%5s %14s %14s %8s\n' ranks 'all-reduce us' 'copy us' ratio
for ranks in "$@"; do
  : >"$work/ours"
  : >"$work/copies"
  for _ in $(seq "$rounds"); do
    "$work/copy" "$ranks" >>"$work/copies"
    "$root/trireme" bench allreduce --ranks "$ranks" -b 100m -e 100m 2>"$work/log" |
      awk '$3 == "float32" { print $5 }' >>"$work/ours"
  done
  ours=$(median <"$work/ours")
  copies=$(median <"$work/copies")
  awk -v r="$ranks" -v o="$ours" -v c="$copies" \
    'BEGIN { printf "%5s %14.1f %14.1f %8.2f\n", r, o, c, o / c }'
done
