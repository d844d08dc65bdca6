"""Whether CUDA's calls that give memory back, or make some, wait for a kernel of another stream.

  python3 bench/gpu/free_behind_kernel.py        needs PyTorch with CUDA; prints a line for each call

A kernel that only sleeps runs for about a second on a stream of its own, which is one that does not
wait for the default stream. Meanwhile a call is made; a third thread asks for the state of an event
and launches a small kernel on another stream, to see whether the call holds up others, too.
"""
import ctypes
import threading
import time

import torch

SECONDS = 1.0
SMALL = 1 << 20


def runtime():
    """The CUDA runtime that PyTorch has loaded."""
    torch.cuda.init()
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libcudart" in line}
    return ctypes.CDLL(paths.pop() if paths else "libcudart.so.13")


CUDART = runtime()
SIDE = torch.cuda.Stream()
OTHER = torch.cuda.Stream()


def checked(name, *arguments):
    code = getattr(CUDART, name)(*arguments)
    if code != 0:
        raise SystemExit(f"{name}: CUDA error {code}")


def made(name):
    pointer = ctypes.c_void_p()
    checked(name, ctypes.byref(pointer), ctypes.c_size_t(SMALL))
    return pointer


def cycles():
    """How many the kernel has to sleep to take as long as wanted."""
    tried = 100_000_000
    torch.cuda._sleep(tried)
    torch.cuda.synchronize()
    start = time.perf_counter()
    torch.cuda._sleep(tried)
    torch.cuda.synchronize()
    return int(tried * SECONDS / (time.perf_counter() - start))


def ask(event, small, longest, over):
    while not over.is_set():
        start = time.perf_counter()
        event.query()
        with torch.cuda.stream(OTHER):
            small.add_(1)
        longest[0] = max(longest[0], time.perf_counter() - start)
        time.sleep(0.001)


def behind_kernel(name, call, sleep):
    small = torch.zeros(16, device="cuda")
    event = torch.cuda.Event()
    torch.cuda.synchronize()
    with torch.cuda.stream(OTHER):
        small.add_(1)  # To load a kernel may wait, too.
    torch.cuda.synchronize()
    with torch.cuda.stream(SIDE):
        torch.cuda._sleep(sleep)
        event.record()
    longest, over = [0.0], threading.Event()
    asking = threading.Thread(target=ask, args=(event, small, longest, over))
    asking.start()
    time.sleep(0.1)
    start = time.perf_counter()
    call()
    took = time.perf_counter() - start
    runs = not event.query()
    over.set()
    asking.join()
    torch.cuda.synchronize()
    verdict = "does not wait for the kernel" if runs else "WAITS for the kernel"
    print(
        f"{name:>15}: {took * 1e3:7.1f} ms, {verdict};"
        f" another thread was held up for {longest[0] * 1e3:.1f} ms at most",
        flush=True,
    )


def main():
    sleep = cycles()
    properties = torch.cuda.get_device_properties(0)
    print(f"{properties.name}, PyTorch {torch.__version__}, a kernel of {SECONDS} s")
    behind_kernel("nothing", lambda: None, sleep)
    for allocate, free in (("cudaMallocHost", "cudaFreeHost"), ("cudaMalloc", "cudaFree")):
        pointer = made(allocate)
        behind_kernel(free, lambda: checked(free, pointer), sleep)
        fresh = []
        behind_kernel(allocate, lambda: fresh.append(made(allocate)), sleep)
        checked(free, fresh[0])


main()
