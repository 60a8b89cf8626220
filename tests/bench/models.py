"""The workloads in PyTorch; arguments: the name of one, and what `numbers.mjs` calls its spec, as JSON."""

import json
import sys
from itertools import cycle
from math import prod

import torch
from torch import nn
from torch.nn import functional as f
from turns import noise, serve

PASSES = 8


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(32, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.gru(x)[1][0])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.feed_forward_norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, later):
        batch, time, width = x.shape
        rows = self.attention_norm(x)
        query, key, value = (
            layer(rows).view(batch, time, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        scores = (query @ key.transpose(-2, -1)) * (width // self.heads) ** -0.5
        mixed = f.softmax(scores.masked_fill(later, float("-inf")), -1) @ value
        x = x + self.output(mixed.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(f.gelu(self.up(self.feed_forward_norm(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, width=128, blocks=4, heads=4, time=128, symbols=256):
        super().__init__()
        self.symbols, self.positions = nn.Embedding(symbols, width), nn.Embedding(time, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, symbols)
        self.register_buffer("later", torch.ones(time, time, dtype=torch.bool).triu(1))

    def forward(self, x):
        h = self.symbols(x) + self.positions.weight
        for block in self.blocks:
            h = block(h, self.later)
        return self.head(self.norm(h)).flatten(0, 1)


def perceptron(sizes):
    layers = [layer for n, units in zip(sizes, sizes[1:]) for layer in (nn.Linear(n, units), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def convolutional():
    images = [
        layer for n, channels in ((1, 6), (6, 16)) for layer in (nn.Conv2d(n, channels, 5), nn.ReLU(), nn.MaxPool2d(2))
    ]
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, 28, 28)), *images, nn.Flatten(), *perceptron([256, 120, 84, 10]))


MODELS = {"mlp": lambda: perceptron([784, 256, 128, 10]), "cnn": convolutional, "gru": Recurrent, "gpt": Gpt}


def first_values(model, params):
    """Gives the model its first parameters, which stand in the order of its own."""
    transposed = {
        id(p) for m in model.modules() if isinstance(m, (nn.Linear, nn.GRU)) for p in m.parameters(False) if p.dim() == 2
    }
    found = list(model.parameters())
    assert len(found) == len(params)
    with torch.no_grad():
        for i, (p, param) in enumerate(zip(found, params)):
            count = prod(param["shape"])
            if "fanIn" in param:
                values = noise(count, 100 + i, param["fanIn"] ** -0.5).view(param["shape"])
            else:
                values = torch.full(param["shape"], float(param["value"]))
            if "channelsFirst" in param:
                first = param["channelsFirst"]
                values = values.reshape(first["view"]).permute(first["order"]).reshape(first["shape"])
            p.copy_(values.T if id(p) in transposed else values)


def patterns(input, classes, batch):
    size, parts = prod(input), -(-512 // batch)
    means = noise(classes * size, 1).view(classes, size)
    places = [part * batch + torch.arange(batch) for part in range(parts)]
    rows = [
        (noise(batch * size, 1000 + part, 0.5).view(batch, size) + 0.5 * means[7 * place % classes]).view(batch, *input)
        for part, place in enumerate(places)
    ]
    return [(x, (7 * place + (place % 4 == 0) * turn) % classes) for turn in range(PASSES) for x, place in zip(rows, places)]


def sequences(input, classes, batch):
    rows = torch.arange(64 * batch).view(64, batch, 1)
    all_bytes = (37 * rows + (1 + rows % 5) * torch.arange(input[0] + 1)) % classes
    return [(part[:, :-1], part[:, 1:].flatten()) for part in all_bytes]


name, spec = sys.argv[1], json.loads(sys.argv[2])
model = MODELS[name]()
first_values(model, spec["params"])
make = sequences if spec.get("text") else patterns
stream = cycle(make(spec["input"], spec["classes"], spec["batch"]))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)


def step():
    x, y = next(stream)
    optimizer.zero_grad()
    loss = f.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


serve(step, parameters=sum(p.numel() for p in model.parameters()))
