/** The verifier: proves before the first run that a plan stays inside its arenas, so that kernels need no checks. */
import { fail } from "../errors.ts";
import { ops } from "./ops.ts";
import type { Access, ArenaName, Bound, Instruction, Kernel, Plan } from "./plan.ts";

/** Returns the plan when every kernel is sound. @throws E_PLAN naming the kernel */
export function verify(plan: Plan): Plan {
  const written: [start: number, end: number][] = [];
  for (const kernel of plan.kernels) {
    const where = `plan: ${kernel.family} ${kernel.label}`;
    const { loads, stores } = accessesOf(kernel);
    if ("unless" in kernel && kernel.unless !== undefined) loads.push({ access: kernel.unless, dims: [] });
    for (const { access, dims } of [...loads, ...stores]) checkRange(where, access, dims, plan);
    for (const { access, dims } of loads) {
      const range = rangeOf(access, dims);
      if (access.arena === "work" && range !== undefined && !covered(range, written)) {
        fail("E_PLAN", `${where}: reads work bytes ${range[0]}–${range[1]} before they are written`);
      }
    }
    if (kernel.family !== "optimizer") checkBody(where, kernel.instructions, kernel.accesses.length, kernel.family === "matmul");
    for (const store of stores) {
      for (const load of loads) {
        if (store.access.gather === undefined && clashes(store, load))
          fail("E_PLAN", `${where}: stores to what another point of the kernel loads`);
      }
      const range = rangeOf(store.access, store.dims);
      if (store.access.arena === "work" && range !== undefined) written.push(range);
    }
  }
  return plan;
}

interface Use {
  readonly access: Access;
  readonly dims: readonly number[];
}

/** Returns every access of a kernel with the dims it walks. */
function accessesOf(kernel: Kernel): { loads: Use[]; stores: Use[] } {
  const uses = (accesses: readonly Access[], dims: readonly number[]): Use[] =>
    accesses.flatMap((access) =>
      access.gather === undefined
        ? [{ access, dims }]
        : [
            { access, dims },
            { access: access.gather.index, dims },
          ],
    );
  if (kernel.family === "optimizer") {
    const dims = [kernel.count];
    const tensors = Object.values(kernel.tensors);
    const changed = Object.entries(kernel.tensors).flatMap(([name, access]) => (name === "grads" ? [] : [access]));
    return { loads: uses([...tensors, ...Object.values(kernel.scalars)], dims), stores: uses(changed, dims) };
  }
  const loads = uses(kernel.accesses, kernel.dims);
  if (kernel.family === "scatter") {
    const target = kernel.target.gather as NonNullable<Access["gather"]>;
    const { gather: _, ...place } = kernel.target;
    const whole = { access: { ...place, strides: [1] }, dims: [target.stride * target.size] };
    const stores = kernel.mode === "add" ? [whole] : [{ access: kernel.target, dims: kernel.dims }];
    return { loads: [...loads, { access: target.index, dims: kernel.dims }], stores };
  }
  // The fold of nothing is stored too.
  const dims = kernel.family === "reduce" ? kernel.dims.map((n, d) => (d < kernel.kept ? n : 1)) : kernel.dims;
  const stores = kernel.outputs.map(({ access }) => ({ access, dims }));
  if (kernel.family === "matmul" && kernel.sums !== undefined) stores.push({ access: kernel.sums, dims: kernel.dims });
  if (kernel.family === "matmul") {
    const [batch, m, n] = kernel.dims;
    loads.push({ access: kernel.a, dims: [batch, m, kernel.k] }, { access: kernel.b, dims: [batch, kernel.k, n] });
  }
  return { loads, stores };
}

/** Returns the bytes an access may touch, or undefined when it has no points. */
function rangeOf(access: Access, dims: readonly number[]): [number, number] | undefined {
  if (dims.includes(0) || access.bounds?.some((bound) => bound.size === 0)) return undefined;
  const bounds = access.bounds ?? [];
  // What bounded indices contribute lies between 0 and their size; the rest is affine.
  const free = (value: number, part: (bound: Bound) => number): number =>
    bounds.reduce((rest, bound) => rest - bound.step * part(bound), value);
  let low = free(access.offset, (bound) => bound.offset);
  let high = low + bounds.reduce((reach, bound) => reach + bound.step * (bound.size - 1), 0);
  for (const [d, stride] of access.strides.entries()) {
    const reach = ((dims[d] as number) - 1) * free(stride, (bound) => bound.strides[d] as number);
    if (reach < 0) low += reach;
    else high += reach;
  }
  if (access.gather !== undefined) high += (access.gather.size - 1) * access.gather.stride;
  const bytes = access.storage === "u8" ? 1 : 4;
  return [low * bytes, (high + 1) * bytes];
}

function checkRange(where: string, access: Access, dims: readonly number[], plan: Plan): void {
  if (access.strides.length !== dims.length)
    fail("E_PLAN", `${where}: an access walks ${access.strides.length} dims; expected ${dims.length}`);
  if (access.gather !== undefined && access.gather.size < 1) fail("E_PLAN", `${where}: gathers from a table without rows`);
  const range = rangeOf(access, dims);
  if (range === undefined) return;
  const limit = plan.bytes[access.arena as ArenaName];
  if (range[0] < 0 || range[1] > limit || !range.every(Number.isSafeInteger)) {
    fail("E_PLAN", `${where}: touches ${access.arena} bytes ${range[0]}–${range[1]}; expected within 0–${limit}`);
  }
}

function covered([start, end]: [number, number], ranges: readonly [number, number][]): boolean {
  let reached = start;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) if (from <= reached && to > reached) reached = to;
  return reached >= end;
}

/** A store may meet a load of its own kernel only at the same point. */
function clashes(store: Use, load: Use): boolean {
  const a = rangeOf(store.access, store.dims);
  const b = rangeOf(load.access, load.dims);
  if (store.access.arena !== load.access.arena || a === undefined || b === undefined || a[0] >= b[1] || b[0] >= a[1]) return false;
  const samePoint =
    store.access.offset === load.access.offset && store.access.strides.every((s, d) => s === load.access.strides[d] || store.dims[d] === 1);
  return !samePoint;
}

function checkBody(where: string, body: readonly Instruction[], accesses: number, epilogue: boolean): void {
  for (const [i, instruction] of body.entries()) {
    if (instruction.op === "load" && instruction.access >= accesses)
      fail("E_PLAN", `${where}: value ${i} loads an access that is not there`);
    if (instruction.op === "product" && !epilogue) fail("E_PLAN", `${where}: value ${i} is a product outside an epilogue`);
    if (instruction.op !== "apply") continue;
    const op = ops[instruction.name];
    if (op === undefined) fail("E_UNSUPPORTED", `${where}: no operation called "${instruction.name}"`);
    if (instruction.args.length !== op.arity || instruction.args.some((arg) => arg >= i))
      fail("E_PLAN", `${where}: value ${i} uses later values`);
    const dtypes = instruction.args.map((arg) => (body[arg] as Instruction).dtype);
    if (op.dtype(dtypes) !== instruction.dtype)
      fail("E_PLAN", `${where}: value ${i} has dtype ${instruction.dtype}; expected ${op.dtype(dtypes)}`);
  }
}
