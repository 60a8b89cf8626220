"""The step of `replay.mjs` in PyTorch; argument: sgd or adamw."""

import sys
from itertools import cycle

import torch
from turns import serve

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(512, 10))
if sys.argv[1] == "sgd":
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, foreach=True)
else:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, foreach=True)
loss_of = torch.nn.CrossEntropyLoss()
data = torch.randint(0, 256, (1000, 784), dtype=torch.uint8)
labels = torch.randint(0, 10, (1000,))
memory, memory_labels, seen = torch.zeros(1000, 784, dtype=torch.uint8), torch.zeros(1000, dtype=torch.long), 0
starts = cycle(range(0, 1000, 10))


def step():
    global seen
    first = next(starts)
    x, y = data[first : first + 10], labels[first : first + 10]
    stored = min(seen, 1000)
    if stored > 0:
        rows = torch.randperm(stored)[:10]
        x, y = torch.cat([x, memory[rows]]), torch.cat([y, memory_labels[rows]])
    optimizer.zero_grad()
    loss = loss_of(model(x.float() / 255), y)
    loss.backward()
    optimizer.step()
    loss.item()
    for i in range(10):
        slot = seen if seen < 1000 else int(torch.randint(0, seen + 1, (1,)))
        if slot < 1000:
            memory[slot], memory_labels[slot] = data[first + i], labels[first + i]
        seen += 1


serve(step, lambda: [])
