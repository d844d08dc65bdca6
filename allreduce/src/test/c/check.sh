#!/bin/sh
# Builds the stand-ins with their own test and runs it: under AddressSanitizer, then under valgrind
# where that is installed. Ends with 0 where both found nothing.
#
#   allreduce/src/test/c/check.sh
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TRIREME_STANDIN_LEAKS=1

build() { # NAME FLAG...
  name=$1
  shift
  cc -g -O1 -Wall -Wextra "$@" -o "$work/$name" \
    "$here/standin_test.c" "$here/standin_nccl.c" "$here/standin_cudart.c" -lpthread -lrt
}

build checked -fsanitize=address,undefined
"$work/checked"
if command -v valgrind >/dev/null; then
  build plain
  valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite "$work/plain"
else
  echo "valgrind is not installed: not run under it" >&2
fi
