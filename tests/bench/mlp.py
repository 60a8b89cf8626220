"""The step of `mlp.mjs` in PyTorch; argument: the batch size."""

import sys
from itertools import cycle

import torch
from turns import problem, serve

SIZES = [784, 256, 128, 10]

layers = [torch.nn.Linear(n, units) for n, units in zip(SIZES, SIZES[1:])]
model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
shapes = [(shape, n) for n, units in zip(SIZES, SIZES[1:]) for shape in ((n, units), (units,))]
params, batches = problem(shapes, 784, 10, int(sys.argv[1]))
with torch.no_grad():
    for i, layer in enumerate(layers):
        layer.weight.copy_(params[2 * i].T)
        layer.bias.copy_(params[2 * i + 1])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)
loss_of = torch.nn.CrossEntropyLoss()
stream = cycle(batches)


def step():
    x, y = next(stream)
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


serve(step)
