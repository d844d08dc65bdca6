#!/bin/sh
# What can only be seen on a machine with an NVIDIA GPU: the doctor, ranks of NCCL that share a
# device, every collective, aborts and deaths inside an operation, whether CUDA frees memory behind a
# running kernel, BatchNorm, dropout and TorchScript on a device, parts of a batch, a lack of memory,
# losses on the CPU and on the device, training in each precision, a checkpoint and its resume, two
# ranks on one device; and several ranks over NCCL and what is left of them when one is killed, on
# devices of their own or, where NCCL lets them (2.30 and newer), on one.
#
#   bench/gpu/run.sh [REPORT]          the report is bench/gpu/report.txt unless told otherwise
#
# What matters most comes first. With one device it takes some seven minutes, and nothing runs for
# longer than GPU_DEADLINE, so that all of it fits into one command of 600 seconds whatever hangs. Each
# step has a deadline of its own, says PASS, FAIL or SKIP with the seconds it took, and needs none of
# the others. The exit code is the number of steps that failed; what failed shows the ends of its
# ranks' logs.
#
# Nothing is built here, and neither Maven nor a network is needed. Before, on any machine with both:
#
#   ./trireme --device cuda doctor                    launcher/target/cuda: all but three steps
#   mvn -q -B -DskipTests -pl bench -am package       bench/target/bench.jar: the steps *_losses
#
# To a machine without a network to which little travels at a time (64 MiB a call, say), and which
# keeps from call to call what git ignores: make pieces, bring one a call, and unpack them there. The
# native libraries are in the jars:
#
#   tar -cf - launcher/target/cuda/trireme.jar launcher/target/cuda/lib bench/target/bench.jar |
#     split -b 60m - launcher/target/piece.
#
#   cat launcher/target/piece.* | tar -xf - && rm launcher/target/piece.*
#   for jar in launcher/target/cuda/lib/*-linux-x86_64*.jar; do
#     unzip -joq "$jar" '*.so' '*.so.*' -x '*libjnitorch_gloo.so' '*libjniopenblas_full.so' \
#       -d launcher/target/cuda/natives
#   done
#   ls launcher/target/cuda/natives/libjnicublas.so    sums of parts on the device need it
#
# A Java runtime has to come along where there is none (jlink makes a small one).
#
# JAVA_HOME          the Java to use, where the one on the PATH is not wanted (a runtime will do)
# LD_LIBRARY_PATH    where the libraries of CUDA 13, cuDNN 9 and NCCL 2 are
# NCCL_DEBUG         what NCCL is to say, in the ranks' logs: WARN without it
# TRIREME_NATIVES    the native libraries, where they are not in launcher/target/cuda/natives
# GPU_TESTS          class path of the tests of allreduce, for nccl_processes, which is left out
#                    without it: allreduce/target/allreduce-*-tests.jar and assertj-core's jar
# GPU_COMMIT         the commit, for the report, where there is no git
# GPU_STEPS          names of the steps to run, separated by blanks; all without it
# GPU_DEADLINE       seconds that all steps together may take (default 570): a step that is running
#                    then is cut short, and what would begin later is skipped and said so
# TRIREME_DATA       a folder with mnist/ in it; ../shared/data without it, else those steps are
#                    skipped
# shellcheck disable=SC2317,SC2329 # the steps are called by their names
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname -- "$(dirname -- "$here")")
report=${1:-$here/report.txt}
# A step has its own folder, which outlives it if it is killed: its logs are shown.
work=${GPU_WORK:-$(mktemp -d)}
[ -n "${GPU_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
data=${TRIREME_DATA:-$root/../shared/data}
built=$root/launcher/target/cuda
bench=$root/bench/target/bench.jar
natives=${TRIREME_NATIVES:-$built/natives}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
libraries=$natives${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}:/usr/local/cuda/lib64
begin=$(date +%s)
failed=0

export TRIREME_BUILD=never TRIREME_DEVICE=cuda NCCL_DEBUG="${NCCL_DEBUG:-WARN}"

say() { printf '%s\n' "$*" | tee -a "$report"; }

# ---- The steps -----------------------------------------------------------------------------------

doctor() { "$root/trireme" doctor; }

# A class of this installation, with the libraries of CUDA.
class() { # CLASS ARGUMENTS...
  LD_LIBRARY_PATH=$libraries "$java" @"$root/ops/jvm.options" -Djava.library.path="$natives" \
    -Dorg.bytedeco.javacpp.findLibraries=false -Dtrireme.test.devices="$devices" \
    -Dtrireme.test.checks=400 \
    -cp "$built/trireme.jar:$bench:${GPU_TESTS:-}" "$@"
}

nccl_bench() { class dev.trireme.allreduce.nccl.NcclBench; }

devices=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | grep -c .)

# Ranks that outnumber the devices share one, where nccl_shared has shown that NCCL lets them.
share() { # RANKS
  if [ "$devices" -lt "$1" ]; then
    export CUDA_VISIBLE_DEVICES=0 NCCL_MULTI_RANK_GPU_ENABLE=1
    devices=1
  fi
}

# Every collective against the reference, aborts, and a rank that is killed, in processes.
nccl_processes() {
  share 3
  class dev.trireme.allreduce.nccl.NcclOnDevice 3
}

# As many ranks as there are devices, at most four, in the table and as JSON.
bench_nccl() {
  ranks=$((devices < 4 ? devices : 4))
  "$root/trireme" bench allreduce --ranks "$ranks" --backend nccl -e 256m &&
    "$root/trireme" bench allreduce --ranks "$ranks" --backend nccl -b 25m -e 25m --json
}

# One rank more than there are devices is refused, and told why.
bench_nccl_refused() {
  "$root/trireme" bench allreduce --ranks $((devices + 1)) --backend nccl 2>"$work/refused.txt" &&
    return 1
  cat "$work/refused.txt"
  grep -q 'expected a CUDA device for each' "$work/refused.txt"
}

quickstart_losses() {
  class dev.trireme.bench.DeviceBench "$root/configs/quickstart.yaml" 100 20
}

mnist_losses() {
  class dev.trireme.bench.DeviceBench "$root/configs/mnist-cnn.yaml" 100 20 data.path="$data/mnist"
}

# Trains and holds the outcome to what is expected.
train() { # NAME LEAST_ACCURACY JOB OPTIONS...
  name=$1
  least=$2
  shift 2
  "$root/trireme" train "$@" --run-dir "$work/$name" || return 1
  grep '"type":"generation"' "$work/$name/events.jsonl"
  cat "$work/$name/result.json"
  accuracy=$(sed -n 's/.*"accuracy" *: *\([0-9.eE-]*\).*/\1/p' "$work/$name/result.json" | head -n 1)
  echo "accuracy ${accuracy:-none}, at least $least expected"
  awk -v a="${accuracy:-0}" -v b="$least" 'BEGIN { exit !(a + 0 >= b + 0) }'
}

# Whether a run's formation was backed by these.
backed_by() { # NAME DEVICE BACKEND
  grep '"type":"generation"' "$work/$1/events.jsonl" | tail -n 1 |
    grep "\"device\":\"$2\",\"backend\":\"$3\""
}

quickstart() {
  train quickstart 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda && backed_by quickstart cuda nccl
}

hash_of() { sed -n 's/.*"stateHash" *: *"\([^"]*\)".*/\1/p' "$work/$1/result.json"; }

# Running statistics and random numbers of the device: learns, and twice the same bits.
batchnorm_dropout() {
  train batchnorm 0.95 "$here/batchnorm.yaml" --set parallel.device=cuda &&
    train batchnorm2 0.95 "$here/batchnorm.yaml" --set parallel.device=cuda &&
    echo "two runs: $(hash_of batchnorm) $(hash_of batchnorm2)" &&
    [ "$(hash_of batchnorm)" = "$(hash_of batchnorm2)" ]
}

# A TorchScript model with running statistics and dropout, which PyTorch writes.
torchscript() {
  python3 "$here/script_model.py" "$work/model.pt" || return 1
  train torchscript 0.90 "$here/torchscript.yaml" --set parallel.device=cuda \
    --set model.torchscript="$work/model.pt"
}

# Parts of a batch are added up on the device: to the accuracy of the whole batch.
micro_batch() {
  train parts 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.microBatch=32 && ! grep -r 'sums are made on the host' "$work/parts/logs"
}

# A batch that cannot fit ends the job with the step, what was asked for, and what may fit.
out_of_memory() {
  "$root/trireme" train "$here/memory.yaml" --run-dir "$work/memory" 2>"$work/memory.txt" && return 1
  cat "$work/memory.txt"
  grep -h 'gives up at step' "$work"/memory/logs/*
  grep 'the device is out of memory' "$work/memory.txt" | grep 'train.microBatch'
}

# PyTorch's NCCL on the same device, to stand beside nccl_bench.
peer_nccl() { python3 "$here/peer_nccl.py"; }

# The same of two ranks that share the device, with the NCCL that ours have: PyTorch's own may be too
# old to let them.
peer_nccl_shared() {
  newest=$(printf '%s' "$libraries" | tr ':' '\n' | while IFS= read -r folder || [ -n "$folder" ]; do
    [ ! -e "$folder/libnccl.so.2" ] || printf '%s\n' "$folder/libnccl.so.2"
  done | head -n 1)
  export CUDA_VISIBLE_DEVICES=0 NCCL_MULTI_RANK_GPU_ENABLE=1 LD_PRELOAD="$newest"
  python3 "$here/peer_nccl.py" 1 2 >"$work/rank1.txt" 2>&1 &
  second=$!
  python3 "$here/peer_nccl.py" 0 2
  code=$?
  [ "$code" -eq 0 ] || kill "$second"
  wait "$second" && [ "$code" -eq 0 ] && return 0
  cat "$work/rank1.txt"
  return 1
}

# PyTorch's training on the same device, to stand beside mnist_losses.
peer_train() { python3 "$here/peer_train.py"; }

# Ranks over NCCL, a rank that is killed and replaced, and one that is not.
two_ranks_nccl() {
  share 2
  train nccl2 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=2 \
    --set parallel.device=cuda --set parallel.backend=nccl && backed_by nccl2 cuda nccl
}

kill_rank_one() { # NAME OPTIONS...
  name=$1
  shift
  "$root/trireme" train "$root/configs/quickstart.yaml" --run-dir "$work/$name" \
    --set parallel.device=cuda --set train.epochs=6 "$@" &
  job=$!
  waited=0
  while [ "$waited" -lt 60 ] && kill -0 "$job" 2>/dev/null &&
    ! grep -q '"step":' "$work/$name/metrics.jsonl" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
  done
  pid=$(sed -n 's/.*"rank":1,[^}]*"pid":\([0-9]*\).*/\1/p' "$work/$name/events.jsonl" | head -n 1)
  [ -n "$pid" ] && kill -9 "$pid"
  wait "$job" || return 1
  grep -E '"type":"(generation|recovered)"' "$work/$name/events.jsonl"
  cat "$work/$name/result.json"
  grep -q '"type":"recovered"' "$work/$name/events.jsonl"
}

nccl_recovery() {
  share 2
  kill_rank_one ncclkill --set parallel.workers=2 --set parallel.backend=nccl && backed_by ncclkill cuda nccl
}

# Those left of an elastic job go on with the communicator that they have (NCCL 2.27 and newer).
nccl_shrink() {
  share 3
  kill_rank_one shrink --set parallel.workers=2:3 --set parallel.backend=nccl || return 1
  grep -rh 'goes on with the communicator of generation' "$work/shrink/logs"
}

# Waits until a generation of three ranks, not the one before, has trained for a while.
settled() { # RUN BEFORE
  waited=0
  while [ "$waited" -lt 40 ]; do
    newest=$(grep '"type":"generation"' "$1/events.jsonl" 2>/dev/null | grep '"worldSize"' |
      tail -n 1 | grep '"worldSize":3' | sed -n 's/.*"generation":\([0-9]*\).*/\1/p')
    if [ -n "$newest" ] && [ "$newest" -gt "$2" ] &&
      [ "$(grep -c '"generation":'"$newest"',' "$1/metrics.jsonl" 2>/dev/null)" -ge 2 ]; then
      return 0
    fi
    sleep 1
    waited=$((waited + 1))
  done
  return 1
}

# Each rank of an elastic job in turn, the one with the source of all state first.
nccl_deaths() {
  share 3
  run=$work/deaths
  "$root/trireme" train "$root/configs/quickstart.yaml" --run-dir "$run" \
    --set parallel.device=cuda --set parallel.backend=nccl --set parallel.workers=2:3 \
    --set train.epochs=6 --set failurePolicy.maxRestarts=10 &
  job=$!
  newest=0
  for rank in 0 2 1; do
    settled "$run" "$newest" || break
    pid=$(grep '"type":"generation"' "$run/events.jsonl" | tail -n 1 |
      sed -n 's/.*"rank":'"$rank"',[^}]*"pid":\([0-9]*\).*/\1/p')
    kill -9 "$pid"
  done
  wait "$job" || return 1
  grep '"type":"recovered"' "$run/events.jsonl"
  cat "$run/result.json"
  grep -rh 'communicator of generation' "$run/logs"
  [ "$(grep '"type":"recovered"' "$run/events.jsonl" | grep -c '"failure":true')" -ge 3 ]
}

quickstart_aeron() {
  train aeron 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set parallel.backend=aeron && backed_by aeron cuda aeron
}

quickstart_bf16() {
  train bf16 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.precision=bf16
}

quickstart_fp16() {
  train fp16 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.precision=fp16
}

# Inputs so large that gradients do not fit into 16 bits with the loss scaled as at the start.
fp16_skips() {
  train skips 0 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.precision=fp16 --set train.steps=60 \
    --set data.normalize.mean=0 --set data.normalize.std=0.01 || return 1
  grep -rh 'update is left out' "$work/skips/logs"
}

mnist() {
  train mnist 0.985 "$root/configs/mnist-cnn.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set data.path="$data/mnist"
}

# A run of 200 steps, and one that goes on from the checkpoint at step 100: the same bits.
resume() {
  train whole 0 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.steps=200 --set checkpoint.everySteps=100 || return 1
  "$root/trireme" checkpoint verify "$work/whole/checkpoints" || return 1
  train rest 0 "$root/configs/quickstart.yaml" --set parallel.workers=1 \
    --set parallel.device=cuda --set train.steps=200 \
    --set checkpoint.resumeFrom="$work/whole/checkpoints/step-00000100" || return 1
  whole=$(sed -n 's/.*"stateHash" *: *"\([^"]*\)".*/\1/p' "$work/whole/result.json")
  rest=$(sed -n 's/.*"stateHash" *: *"\([^"]*\)".*/\1/p' "$work/rest/result.json")
  echo "whole $whole, resumed $rest"
  [ -n "$whole" ] && [ "$whole" = "$rest" ]
}

# NCCL wants a device for each rank; with backend auto the job runs over Aeron and says why.
two_ranks_one_device() {
  export CUDA_VISIBLE_DEVICES=0
  train two 0.95 "$root/configs/quickstart.yaml" --set parallel.workers=2 \
    --set parallel.device=cuda && backed_by two cuda aeron
}

# With backend nccl it must fail, and with the reason.
two_ranks_nccl_refused() {
  export CUDA_VISIBLE_DEVICES=0
  "$root/trireme" train "$root/configs/quickstart.yaml" \
    --run-dir "$work/refused" --set parallel.workers=2 --set parallel.device=cuda \
    --set parallel.backend=nccl 2>"$work/refused.txt" && return 1
  cat "$work/refused.txt"
  grep 'NCCL needs one for each' "$work/refused.txt"
}

# NCCL 2.30 and newer lets ranks share a device where it is told to; an older one refuses as ever. It
# is the only way to see NCCL's kernels and their sums on one device; either answer will do, and which
# it was is said. They take turns on the device, operation by operation: few rounds.
nccl_shared() {
  export CUDA_VISIBLE_DEVICES=0 NCCL_MULTI_RANK_GPU_ENABLE=1
  class dev.trireme.allreduce.nccl.NcclBench 0 2 "$work/id" 0 20 >"$work/rank0.txt" 2>&1 &
  first=$!
  class dev.trireme.allreduce.nccl.NcclBench 1 2 "$work/id" 0 20 >"$work/rank1.txt" 2>&1 &
  second=$!
  wait "$first"
  codes=$?
  wait "$second"
  codes="$codes $?"
  cat "$work/rank0.txt" "$work/rank1.txt"
  if [ "$codes" = "0 0" ]; then
    echo "two ranks of NCCL share this device, and their sums are right"
  elif grep -qE 'Duplicate GPU|MULTI_RANK_GPU' "$work/rank0.txt" "$work/rank1.txt"; then
    echo "this NCCL lets no ranks share a device"
  else
    echo "exit codes $codes, and not because the device is shared"
    return 1
  fi
}

# Whether cudaFree and cudaFreeHost wait for a kernel of another stream. Either answer will do.
free_behind_kernel() { python3 "$here/free_behind_kernel.py"; }

# A rank that is killed on a device is replaced, and the job ends as if nothing had been.
recovery() {
  export CUDA_VISIBLE_DEVICES=0
  kill_rank_one recovery --set parallel.workers=2 && backed_by recovery cuda aeron
}

# ---- Running them --------------------------------------------------------------------------------

wanted() { # NAME
  case " ${GPU_STEPS:-$1} " in
    *" $1 "*) return 0 ;;
  esac
  return 1
}

# A step runs in a process group of its own, so that nothing of it outlives its deadline.
step() { # SECONDS NAME [NEEDED]
  wanted "$2" || return 0
  now=$(date +%s)
  left=$((${GPU_DEADLINE:-570} - now + begin))
  if [ "$left" -lt 5 ]; then
    say "SKIP $2: the steps before took all of the time"
    return 0
  fi
  if [ -n "${3:-}" ] && [ ! -e "$3" ]; then
    say "SKIP $2: no $3"
    return 0
  fi
  seconds=$(($1 < left ? $1 : left))
  mkdir "$work/$2"
  GPU_STEP=$2 GPU_WORK=$work/$2 timeout -k 5 "$seconds" sh "$0" >"$work/out" 2>&1
  code=$?
  took=$(($(date +%s) - now))
  verdict=PASS
  if [ "$code" -ne 0 ]; then
    verdict=FAIL
    failed=$((failed + 1))
  fi
  say ""
  say "$verdict $2: $took s of $seconds, exit code $code"
  tail -n 150 "$work/out" | sed 's/^/    /' | tee -a "$report"
  [ "$code" -eq 0 ] || logs "$work/$2"
  rm -rf "${work:?}/$2"
}

# The ends of the logs of a step's ranks.
logs() { # FOLDER
  find "$1" -path '*/logs/*' -type f | sort | while IFS= read -r log; do
    say "    ---- the end of ${log#"$1"/}"
    tail -n 40 "$log" | sed 's/^/    /' | tee -a "$report"
  done
}

if [ -n "${GPU_STEP:-}" ]; then
  "$GPU_STEP"
  exit $?
fi

if [ ! -f "$built/trireme.jar" ]; then
  echo "no $built/trireme.jar: the head of $0 says how it is built" >&2
  exit 2
fi

: >"$report"
say "GPU report of $(date -u '+%Y-%m-%d %H:%M UTC'), commit ${GPU_COMMIT:-$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)}"
say "$(uname -sr), $(getconf _NPROCESSORS_ONLN) cores; $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1 | head -n 8)"
[ -f "$bench" ] ||
  say "no $bench: quickstart_losses and mnist_losses are skipped; mvn -q -B -DskipTests -pl bench -am package builds it"
[ -f "$natives/libjnicublas.so" ] ||
  say "no $natives/libjnicublas.so: sums of parts are made on the host, and micro_batch fails"
torch=true
if ! timeout 20 python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  torch=false
  say "SKIP free_behind_kernel, torchscript, peer_nccl, peer_nccl_shared, peer_train: python3 has no PyTorch with CUDA, or not within 20 s"
fi

# What never ran on hardware comes first, so that a short loan is enough for it.
step 15 doctor
step 60 nccl_shared
# Who names steps, and not that one, knows what this NCCL does.
if wanted nccl_shared; then
  sharing=$(grep -c 'two ranks of NCCL share this device' "$work/out")
else
  sharing=1
fi
if [ "$devices" -gt 2 ] || [ "$sharing" -gt 0 ]; then
  if [ -n "${GPU_TESTS:-}" ]; then
    step 100 nccl_processes
  else
    say "SKIP nccl_processes: GPU_TESTS does not say where the tests of allreduce are"
  fi
else
  say "SKIP nccl_processes: needs three devices or an NCCL that lets ranks share one, found $devices"
fi
if [ "$devices" -gt 1 ] || [ "$sharing" -gt 0 ]; then
  step 60 two_ranks_nccl
  step 90 nccl_recovery
else
  say "SKIP two_ranks_nccl, nccl_recovery: need two devices or an NCCL that lets ranks share one," \
    "found $devices"
fi
if [ "$devices" -gt 2 ] || [ "$sharing" -gt 0 ]; then
  step 90 nccl_shrink
  step 100 nccl_deaths
else
  say "SKIP nccl_shrink, nccl_deaths: need three devices or an NCCL that lets ranks share one, found $devices"
fi
if $torch; then step 25 free_behind_kernel; fi
step 35 bench_nccl
step 15 bench_nccl_refused
step 40 batchnorm_dropout
if $torch; then step 25 torchscript; fi
step 20 micro_batch
step 25 out_of_memory
step 20 fp16_skips
# What did.
step 40 recovery
step 35 resume
step 20 quickstart_fp16
step 20 nccl_bench
if $torch; then
  step 20 peer_nccl
  if [ "$sharing" -gt 0 ]; then step 30 peer_nccl_shared; fi
fi
step 25 quickstart_losses "$bench"
step 20 two_ranks_one_device
step 15 two_ranks_nccl_refused
step 20 quickstart
step 20 quickstart_bf16
step 20 quickstart_aeron
step 20 mnist "$data/mnist"
if [ -f "$bench" ] || ! wanted mnist_losses; then
  step 25 mnist_losses "$data/mnist"
else
  say "SKIP mnist_losses: no $bench"
fi
if $torch; then step 30 peer_train; fi

say ""
say "$failed steps failed; the whole took $(($(date +%s) - begin)) s"
exit "$failed"
