import { nn, openRuntime, optim, type Runtime, type Tensor, tensor } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { applyOptimizer } from "../../src/learner/testing.ts";
import { hessianDiagonal, hessianProduct } from "../../src/program/curvature.ts";
import { RandomStream } from "../../src/random.ts";
import { openTestHost } from "../env.ts";

const { add, exp, matmul, maximum, mean, mul, reshape, sin, slice, square, sub, sum, tanh, transpose, unfold } = tensor;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

/** An array of numbers under a shape. */
interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const random = new RandomStream(3, "curvature");
const draw = (...shape: number[]): Numbers => ({
  shape,
  data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * random.uniform() - 1),
});

/** Returns what a function of tensors, all f32 arguments, gives. */
async function evaluate<K extends string>(
  args: Readonly<Record<K, Numbers>>,
  record: (args: Readonly<Record<K, Tensor>>) => Readonly<Record<string, Tensor>>,
): Promise<Record<string, readonly number[]>> {
  const entries = Object.entries(args) as [K, Numbers][];
  const compiled = await runtime.compile(record as never, Object.fromEntries(entries.map(([name, { shape }]) => [name, shape])));
  const found = await compiled.run(Object.fromEntries(entries.map(([name, { data }]) => [name, data])));
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, Array.from(values)]));
}

/** Returns the diagonals of a loss with respect to its arguments of the names given. */
function diagonals<K extends string>(
  args: Readonly<Record<K, Numbers>>,
  wrt: readonly NoInfer<K>[],
  loss: (args: Readonly<Record<K, Tensor>>) => Tensor,
) {
  return evaluate(args, (given) => {
    const found = hessianDiagonal(
      loss(given),
      wrt.map((name) => given[name]),
    );
    return Object.fromEntries(wrt.map((name, i) => [name, found[i] as Tensor]));
  });
}

function close(got: readonly number[] | undefined, expected: readonly number[], digits = 5): void {
  expect(got?.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(got?.[i]).toBeCloseTo(value, digits);
}

describe("an estimate of the Hessian's diagonal", () => {
  it("of two layers with tanh and cross-entropy, as published code has it", async () => {
    const args = {
      W1: { shape: [3, 2], data: [0.2, -0.4, 0.7, 0.1, -0.3, 0.5] },
      b1: { shape: [3], data: [0.05, -0.1, 0.2] },
      W2: { shape: [2, 3], data: [0.3, -0.6, 0.4, -0.2, 0.5, 0.1] },
      b2: { shape: [2], data: [0, 0.1] },
      x: { shape: [2, 2], data: [0.5, -1, 1.5, 0.25] },
      targets: { shape: [2, 2], data: [1, 0, 0, 1] },
    };
    const found = await diagonals(args, ["W1", "b1", "W2", "b2"], ({ W1, b1, W2, b2, x, targets }) => {
      const hidden = tanh(add(matmul(x, transpose(W1)), b1));
      return mean(nn.crossEntropy(add(matmul(hidden, transpose(W2)), b2), targets));
    });
    close(found.W1, [-0.023489556, 0.108011293, 0.268483976, -0.00557125663, 0.0535925577, -0.0395937663]);
    close(found.b1, [0.0868256789, 0.10766376, -0.0129541862]);
    close(found.W2, [0.0374766387, 0.0621134343, 0.0237689262, 0.0374766387, 0.0621134343, 0.0237689262]);
    close(found.b2, [0.229659883, 0.229659883]);
  });

  it("of three layers with ReLU and mean squares, as a slow model has it", async () => {
    const [rows, ...widths] = [4, 5, 6, 3, 2] as const;
    const weights = widths.slice(1).map((width, i) => draw(widths[i] as number, width)) as [Numbers, Numbers, Numbers];
    const args = { a: weights[0], b: weights[1], c: weights[2], x: draw(rows, widths[0]), y: draw(rows, 2) };
    const found = await diagonals(args, ["a", "b", "c"], ({ a, b, c, x, y }) => {
      const hidden = maximum(matmul(maximum(matmul(x, a), 0), b), 0);
      return mean(square(sub(matmul(hidden, c), y)));
    });
    // Row by row: h of the outputs is 2 over their number, W² h goes back to the inputs where a ReLU is open, x² h is the weight's.
    const expected = weights.map(({ data }) => data.map(() => 0));
    for (let row = 0; row < rows; row++) {
      const seen: number[][] = [];
      let next = args.x.data.slice(row * widths[0], (row + 1) * widths[0]);
      for (const [layer, { data }] of weights.entries()) {
        const given = layer === 0 ? next : next.map((value) => Math.max(value, 0));
        const to = widths[layer + 1] as number;
        next = Array.from({ length: to }, (_, j) => given.reduce((total, value, i) => total + value * (data[i * to + j] as number), 0));
        seen.push(given);
      }
      let h = next.map(() => 2 / (rows * next.length));
      for (const layer of [2, 1, 0]) {
        const [own, given, { data }] = [expected[layer], seen[layer], weights[layer]] as [number[], number[], Numbers];
        const to = h.length;
        for (const [i, value] of given.entries())
          for (const [j, bend] of h.entries()) own[i * to + j] = (own[i * to + j] as number) + value * value * bend;
        const back = (i: number): number => h.reduce((total, bend, j) => total + (data[i * to + j] as number) ** 2 * bend, 0);
        h = given.map((value, i) => (value > 0 ? back(i) : 0));
      }
    }
    for (const [i, name] of (["a", "b", "c"] as const).entries()) close(found[name], expected[i] as number[]);
  });

  it("is exact for functions of single elements, and behind windows", async () => {
    const x = draw(7);
    const curve = (value: number): number => Math.exp(Math.sin(value)) ** 2;
    const found = await diagonals({ x }, ["x"], (args) => sum(square(exp(sin(args.x)))));
    const expected = x.data.map((value) => (curve(value + 1e-4) - 2 * curve(value) + curve(value - 1e-4)) / 1e-8);
    close(found.x, expected, 3);

    const [signal, kernel] = [draw(9), draw(3, 1)];
    const { w } = await diagonals({ signal, w: kernel }, ["w"], (args) => sum(square(matmul(unfold(args.signal, 0, 3), args.w))));
    close(
      w,
      [0, 1, 2].map((k) => 2 * signal.data.slice(k, k + 7).reduce((total, value) => total + value * value, 0)),
    );
  });

  it("is 0 where a loss is straight, and refused where there is no gradient", async () => {
    const x = draw(4);
    expect((await diagonals({ x }, ["x"], (args) => sum(mul(args.x, 3)))).x).toEqual([0, 0, 0, 0]);
    await expect(diagonals({ x }, ["x"], (args) => args.x)).rejects.toMatchObject({ code: "E_TRACE" });
  });
});

it("the Hessian times a vector is that of the closed form", async () => {
  // Σ exp(Ax) has the Hessian Aᵀ diag(exp(Ax)) A.
  const [a, x, v] = [draw(5, 3), draw(3), draw(3)];
  const found = await evaluate({ a, x, v }, (args) => {
    const loss = sum(exp(matmul(args.a, reshape(args.x, [3, 1]))));
    return { product: hessianProduct(loss, [args.x], [args.v])[0] as Tensor };
  });
  const rows = [0, 1, 2, 3, 4].map((i) => a.data.slice(3 * i, 3 * i + 3));
  const dot = (p: readonly number[], q: readonly number[]): number => p.reduce((total, value, i) => total + value * (q[i] as number), 0);
  close(
    found.product,
    [0, 1, 2].map((j) => rows.reduce((total, row) => total + (row[j] as number) * Math.exp(dot(row, x.data)) * dot(row, v.data), 0)),
  );
});

it.each(["hesscale", "hutchinson"] as const)("UPGD by %s sees the loss's own curvature, whatever stands before it", async (curvature) => {
  // Σ cᵢxᵢ²/2: any random direction has the diagonal itself.
  const diagonal = [0.5, 3, 8];
  const bowl = ({ x }: optim.Results): Tensor => diagonal.map((c, i) => mul(sum(square(slice(x as Tensor, [i], [1]))), c / 2)).reduce(add);
  const before = [
    optim.clipByGlobalNorm({ maxNorm: 0.1 }),
    optim.gradientNoise({ eta: 0.01 }),
    optim.decoupledDecay({ weightDecay: 0.5 }),
  ] as const;
  const optimizer = optim.chain(...before, optim.upgd({ order: 2, curvature, sigma: 0, betaUtility: 0.5 }));
  const options = { params: { x: { shape: [3], data: [1, -2, 0.3] } }, loss: bowl, steps: 4, learningRate: 0.2 };
  const found = await applyOptimizer(runtime, optimizer, options);
  const expected = await applyOptimizer(runtime, optimizer, { ...options, curvature: { x: diagonal } });
  const flat = await applyOptimizer(runtime, optimizer, { ...options, curvature: { x: [0, 0, 0] } });
  close(Array.from(found.params[3]?.x as Float32Array), Array.from(expected.params[3]?.x as Float32Array));
  expect(Math.abs((flat.params[3]?.x?.[0] as number) - (expected.params[3]?.x?.[0] as number))).toBeGreaterThan(1e-3);
});

describe("saddle-free Newton", () => {
  it("follows the published steps from a saddle, on whichever backend", async () => {
    // ½xᵀHx, H = [[2, 1], [1, −1]].
    const saddle = ({ x }: optim.Results): Tensor => {
      const [a, b] = [0, 1].map((i) => slice(x as Tensor, [i], [1])) as [Tensor, Tensor];
      return sum(add(sub(square(a), mul(square(b), 0.5)), mul(a, b)));
    };
    const host = await openTestHost();
    const runtimes = [runtime, ...(host === undefined ? [] : [await openRuntime({ backend: "webgpu", device: host.device })])];
    for (const each of runtimes) {
      const { params } = await applyOptimizer(each, optim.saddleFreeNewton({ damping: 0.1 }), {
        params: { x: { shape: [2], data: [1, -2] } },
        loss: saddle,
        steps: 3,
        learningRate: 1,
      });
      const expected = [
        [1.24685853, -4.06387437],
        [2.37645419, -7.84663847],
        [4.58231649, -15.1342693],
      ];
      for (const [step, values] of expected.entries())
        for (const [i, value] of values.entries()) expect(Math.abs((params[step]?.x?.[i] as number) / value - 1)).toBeLessThan(2e-5);
    }
  });

  it("takes Newton's step in a bowl of as many curvatures as there are directions, and none at its bottom", async () => {
    const curvatures = [0.5, 3, 40, 200];
    const bowl = ({ x }: optim.Results): Tensor =>
      curvatures.map((c, i) => mul(sum(square(sub(slice(x as Tensor, [i], [1]), i))), c / 2)).reduce(add);
    const run = (vectors: number, data: readonly number[]) =>
      applyOptimizer(runtime, optim.saddleFreeNewton({ vectors, damping: 1e-6 }), {
        params: { x: { shape: [4], data } },
        loss: bowl,
        steps: 2,
        learningRate: 1,
      });
    for (const vectors of [4, 8]) {
      const { params } = await run(vectors, [1, -1, 1, 4]);
      close(Array.from(params[1]?.x as Float32Array), [0, 1, 2, 3], 3);
    }
    const { params } = await run(4, [0, 1, 2, 3]);
    expect(params[1]?.x).toEqual(Float32Array.of(0, 1, 2, 3));
  });
});
