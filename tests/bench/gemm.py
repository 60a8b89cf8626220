"""The products of `gemm.mjs` in PyTorch; arguments: form, size, length of the chain."""

import sys

from turns import noise, serve

form, n, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
a, b = (noise(n * n, seed, (3 / n) ** 0.5).view(n, n) for seed in (1, 2))
left, right = a.T, b.T


def multiply():
    c = a
    for _ in range(length):
        c = c @ b if form == "NN" else c @ right if form == "NT" else left @ c
    return c


serve(multiply, lambda: multiply()[0, :4].tolist())
