"""Writes a TorchScript model with running statistics and dropout, for run.sh.

  python3 bench/gpu/script_model.py FILE        needs PyTorch
"""
import sys

import torch

torch.manual_seed(1)
model = torch.nn.Sequential(
    torch.nn.Flatten(),
    torch.nn.Linear(784, 128),
    torch.nn.BatchNorm1d(128),
    torch.nn.ReLU(),
    torch.nn.Dropout(0.2),
    torch.nn.Linear(128, 10),
)
torch.jit.script(model).save(sys.argv[1])
