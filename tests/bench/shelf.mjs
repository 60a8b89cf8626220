/** Every optimizer as the update of one matrix and one vector of parameters: its plan, what that moves, and what it is meant to keep. */

/** @typedef {import("palimpsest").Optimizer} Optimizer */
/** @typedef {typeof import("./source.ts")} Source the parts of the library that a plan is made with */

/**
 * @typedef {object} Entry
 * @property {(optim: Source["optim"]) => Optimizer} make
 * @property {number} slots numbers that the method keeps for each parameter
 * @property {boolean} [norms] whether it needs norms or other reductions; without them an update is meant to be one kernel
 */

/** @type {Readonly<Record<string, Entry>>} */
export const shelf = {
  SGD: { make: (optim) => optim.sgd(), slots: 0 },
  "SGD, momentum": { make: (optim) => optim.sgd({ momentum: 0.9 }), slots: 1 },
  "SGD, Nesterov": { make: (optim) => optim.sgd({ momentum: 0.9, nesterov: true }), slots: 1 },
  "SGD, averaged": { make: (optim) => optim.chain(optim.averageWeights(), optim.sgd()), slots: 1 },
  "hypergradient SGD": { make: (optim) => optim.hypergradientSgd(), slots: 1, norms: true },
  "SGD-SaI": { make: (optim) => optim.sgdSai(), slots: 1, norms: true },
  Adam: { make: (optim) => optim.adam(), slots: 2 },
  AdamW: { make: (optim) => optim.adamw(), slots: 2 },
  "AdamW, clipped by norm": { make: (optim) => optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw()), slots: 2, norms: true },
  NAdam: { make: (optim) => optim.nadam(), slots: 2 },
  NAdamW: { make: (optim) => optim.nadamw(), slots: 2 },
  AdaBelief: { make: (optim) => optim.adabelief(), slots: 2 },
  EXAdam: { make: (optim) => optim.exadam(), slots: 2 },
  AdaGrad: { make: (optim) => optim.adagrad(), slots: 1 },
  "AdaGrad-norm": { make: (optim) => optim.adagradNorm(), slots: 0, norms: true },
  Lion: { make: (optim) => optim.lion(), slots: 1 },
  LARS: { make: (optim) => optim.lars(), slots: 1, norms: true },
  TVLARS: { make: (optim) => optim.tvlars(), slots: 1, norms: true },
  LAMB: { make: (optim) => optim.lamb(), slots: 2, norms: true },
  Adafactor: { make: (optim) => optim.adafactor(), slots: 0, norms: true },
  Muon: { make: (optim) => optim.muon(), slots: 1, norms: true },
  "schedule-free SGD": { make: (optim) => optim.scheduleFreeSgd(), slots: 1 },
  "schedule-free AdamW": { make: (optim) => optim.scheduleFreeAdamw(), slots: 2 },
  "D-Adapt SGD": { make: (optim) => optim.dadaptSgd(), slots: 2, norms: true },
  "D-Adapt Adam": { make: (optim) => optim.dadaptAdam(), slots: 3, norms: true },
  Prodigy: { make: (optim) => optim.prodigy(), slots: 4, norms: true },
  DoG: { make: (optim) => optim.dog(), slots: 1, norms: true },
  UPGD: { make: (optim) => optim.upgd(), slots: 1, norms: true },
  AdaUPGD: { make: (optim) => optim.adaUpgd(), slots: 3, norms: true },
  CLASSP: { make: (optim) => optim.classp(), slots: 1 },
};

const COLUMNS = 256;

/**
 * Returns the plan of an optimizer's update, by the hand-written kernel where there is one, its layout, the bytes of its state and how many
 * numbers it keeps for each parameter.
 * @param {Source} source @param {Optimizer} optimizer @param {number} count of parameters, a multiple of 256
 */
export function planUpdate(source, optimizer, count) {
  const arena = new source.Arena("state");
  const params = new Map([
    ["weight", { shape: [count / COLUMNS - 1, COLUMNS] }],
    ["bias", { shape: [COLUMNS] }],
  ]);
  const layout = source.layOutTrained(arena, optimizer, params);
  const { flat, tensors } = layout;
  const record = source.hasKernel(optimizer) ? source.recordKernel : source.recordRecipe;
  const plan = source.compileProgram((graph) => {
    const grads = graph.input("grads", flat.shape, "f32");
    record(optimizer, { params: source.leafOf(graph, flat), grads, slots: source.slotLeaves(graph, layout), tensors });
  });
  const slots = [...layout.slots.values()].reduce((sum, { range }) => sum + range.byteLength / 4, 0) / count;
  return { plan, layout, stateBytes: arena.bytes, slots };
}

/** Returns how many kernels of each family a plan has. @param {import("../../src/program/plan.ts").Plan} plan */
export function familiesOf({ kernels }) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { family } of kernels) counts[family] = (counts[family] ?? 0) + 1;
  return counts;
}

/** Returns the bytes that the kernels of a plan read and write, each place once in each kernel. @param {import("../../src/program/plan.ts").Plan} plan */
export function bytesOf({ kernels }) {
  /** @typedef {{ readonly storage: string, readonly strides: readonly number[] }} Walk */
  const over =
    (/** @type {readonly number[]} */ dims) =>
    (/** @type {Walk} */ { storage, strides }) =>
      dims.reduce((size, dim, i) => (strides[i] === 0 ? size : size * dim), storage === "u8" ? 1 : 4);
  const sum = (/** @type {readonly number[]} */ sizes) => sizes.reduce((a, b) => a + b, 0);
  return sum(
    kernels.map((kernel) => {
      if (kernel.family === "optimizer") {
        // Gradients are read, everything else is read and written.
        return 4 * kernel.count * (2 * Object.keys(kernel.tensors).length - 1);
      }
      const size = over(kernel.dims);
      const loads = sum(kernel.accesses.map(size));
      if (kernel.family === "scatter") return loads + size(kernel.target);
      const stores = sum(kernel.outputs.map(({ access }) => size(access)));
      if (kernel.family !== "matmul") return loads + stores;
      const [batch, m, n] = kernel.dims;
      return loads + stores + over([batch, m, kernel.k])(kernel.a) + over([batch, kernel.k, n])(kernel.b);
    }),
  );
}
