#!/bin/sh
# Builds the stand-ins with their own test and runs it: under AddressSanitizer, then under valgrind
# where that is installed. Ends with 0 where both found nothing.
#
#   allreduce/src/test/c/check.sh
#   allreduce/src/test/c/check.sh java     also Java's tests on stand-ins under AddressSanitizer: memory
#                                          of a device is the heap's there, so that a buffer which is
#                                          used after it was freed is found
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

if [ "${1:-}" = java ]; then
  root=$(dirname -- "$here")/../../..
  # Java takes signals of its own, and its memory is not a leak.
  TRIREME_STANDIN_CFLAGS=-fsanitize=address LD_PRELOAD=$(cc -print-file-name=libasan.so) \
    ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:halt_on_error=1 \
    mvn -o -q -f "$root/pom.xml" -pl allreduce -am test -Dspotless.check.skip \
    -Dtest='NcclFailureTest,NcclNeverHangTest,NcclShrinkTest,NcclGroupTest,NcclDeviceGroupTest,NcclCollectivesTest,DeviceExchangeTest' \
    -Dsurefire.failIfNoSpecifiedTests=false >"$work/java" 2>&1 || { tail -n 60 "$work/java"; exit 1; }
  if grep -q 'AddressSanitizer' "$work/java"; then
    grep -A 30 'AddressSanitizer' "$work/java"
    exit 1
  fi
  echo "Java's tests use nothing that was freed"
fi
