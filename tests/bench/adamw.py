"""AdamW alone over one tensor, as `adamw.mjs` has it; argument: how many parameters."""

import sys

import torch
from turns import noise, serve

count = int(sys.argv[1])
params = torch.zeros(count, requires_grad=True)
params.grad = noise(count, 1)
optimizer = torch.optim.AdamW([params], lr=1e-3, weight_decay=0.01, foreach=True)


def answers():
    for _ in range(3):
        optimizer.step()
    return params[:4].tolist()


serve(optimizer.step, answers)
