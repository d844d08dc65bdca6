"""configs/mnist-cnn.yaml's model trained by PyTorch on the same device, to stand beside mnist_losses.

  python3 bench/gpu/peer_train.py        needs PyTorch with CUDA; prints a line for each precision

Random images of MNIST's size in page-locked memory, copied ahead of their step; SGD with momentum;
the loss is read at every step, as a loop does that shows it. One process, no exchange.
"""
import itertools
import time

import torch
from torch import nn

BATCH, WARM_UP, STEPS = 128, 20, 300


def model():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).cuda()


def batches():
    kept = [
        (torch.randn(BATCH, 1, 28, 28).pin_memory(), torch.randint(10, (BATCH,)).pin_memory())
        for _ in range(16)
    ]
    for images, labels in itertools.cycle(kept):
        yield images.cuda(non_blocking=True), labels.cuda(non_blocking=True)


def run(dtype, deterministic):
    torch.manual_seed(1)
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.allow_tf32 = False
    net, feed = model(), batches()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    measure = nn.CrossEntropyLoss()
    ahead = next(feed)
    start = 0.0
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            torch.cuda.synchronize()
            start = time.perf_counter()
        images, labels = ahead
        with torch.autocast("cuda", dtype=dtype, enabled=dtype != torch.float32):
            loss = measure(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        ahead = next(feed)
        optimizer.step()
        loss.item()
    torch.cuda.synchronize()
    rate = STEPS * BATCH / (time.perf_counter() - start)
    name = str(dtype).removeprefix("torch.") + (" deterministic" if deterministic else "")
    print(f"PyTorch {torch.__version__}, {name:>22}: {rate:,.0f} samples/s")


for dtype in (torch.float32, torch.bfloat16):
    for deterministic in (False, True):
        run(dtype, deterministic)
