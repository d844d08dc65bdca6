"""All-reduces through PyTorch's NCCL on the same device, to stand beside NcclBench.

  python3 bench/gpu/peer_nccl.py [RANK RANKS]    needs PyTorch with CUDA; prints a table, in place as
                                                 ours

With one rank nothing travels: what is measured is the cost of a call, from its start until the
device has done it. Several ranks share the device, as NcclBench's do. The copy is the device's
limit.
"""
import os
import sys
import time

import torch
import torch.distributed as dist

os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
os.environ.setdefault("MASTER_PORT", "29571")
SIZES = [4096, 65536, 1 << 20, 4 << 20, 25 << 20, 100 << 20, 256 << 20]


RANK, RANKS = map(int, sys.argv[1:3] or (0, 1))


def timed(work, repeats=50 if RANKS == 1 else 20):
    for _ in range(10 if RANKS == 1 else 5):
        work()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(repeats):
        work()
        torch.cuda.synchronize()
    return (time.perf_counter() - begin) / repeats


dist.init_process_group("nccl", rank=RANK, world_size=RANKS)
print("PyTorch", torch.__version__, "NCCL", ".".join(map(str, torch.cuda.nccl.version())))
print(f"{'size':>12} {'time(us)':>12}")
for size in SIZES:
    tensor = torch.ones(size // 4, device="cuda")
    print(f"{size:>12} {timed(lambda: dist.all_reduce(tensor)) * 1e6:>12.2f}")
if RANKS > 1:
    dist.barrier()
    dist.destroy_process_group()
    sys.exit()
source = torch.ones(256 << 18, device="cuda")
target = torch.empty_like(source)
seconds = timed(lambda: target.copy_(source))
print(f"copy, device to device: {source.nbytes / seconds / 1e9:.1f} GB/s")
dist.destroy_process_group()
