import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, broadcast, matmul, mul, pack, permute, reshape, slice, sub, tanh } from "../program/tensor.ts";
import { sigmoidOf } from "./activations.ts";
import { fillUniform } from "./init.ts";
import { type Layer, refuseInput } from "./layer.ts";

/** Options of {@link gru} and {@link lstm}. */
export interface RecurrentOptions {
  /** `last` (default) gives the hidden state after the last step [units], `all` that after each [time, units]. */
  readonly returns?: "last" | "all";
  /**
   * Whether each row of a batch goes on from the state that the same row of the batch before left, as windows of one long sequence
   * (truncated back-propagation through time: no gradient crosses from step to step). Replayed rows begin at 0, and so does prediction
   * unless told otherwise. Default false.
   */
  readonly carry?: boolean;
}

/** One step of time: from the gates that the input and the hidden state ask for to the new state, the hidden part first. */
type Cell = (input: readonly Tensor[], hidden: readonly Tensor[], state: readonly Tensor[]) => readonly Tensor[];

/**
 * Returns a gated recurrent unit over [time, features], from a hidden state of zeros unless it carries one; gradients run through the whole
 * of the time given. Its parameters are torch's transposed, with gates r, z, n side by side: inputWeight [features, 3·units], hiddenWeight
 * [units, 3·units], inputBias and hiddenBias [3·units], first uniform on ±1/√units.
 * @throws E_CONFIG @see Cho et al. 2014, arXiv 1406.1078; the reset gate stands behind the product, as in cuDNN
 */
export function gru(units: number, options: RecurrentOptions = {}): Layer {
  return recurrent("gru", units, options, 3, ["hidden"], ([xr, xz, xn], [hr, hz, hn], [h]) => {
    const reset = sigmoidOf(add(xr as Tensor, hr as Tensor));
    const update = sigmoidOf(add(xz as Tensor, hz as Tensor));
    const candidate = tanh(add(xn as Tensor, mul(reset, hn as Tensor)));
    return [add(candidate, mul(update, sub(h as Tensor, candidate)))];
  });
}

/**
 * Returns a long short-term memory over [time, features], from states of zeros unless it carries them; gradients run through the whole of
 * the time given. Its parameters are torch's transposed, with gates i, f, g, o side by side: inputWeight [features, 4·units], hiddenWeight
 * [units, 4·units], inputBias and hiddenBias [4·units], first uniform on ±1/√units.
 * @throws E_CONFIG @see Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate
 */
export function lstm(units: number, options: RecurrentOptions = {}): Layer {
  return recurrent("lstm", units, options, 4, ["hidden", "cell"], (input, hidden, [, c]) => {
    const [i, f, g, o] = input.map((part, gate) => add(part, hidden[gate] as Tensor)) as [Tensor, Tensor, Tensor, Tensor];
    const cell = add(mul(sigmoidOf(f), c as Tensor), mul(sigmoidOf(i), tanh(g)));
    return [mul(sigmoidOf(o), tanh(cell)), cell];
  });
}

/** Steps of time are unrolled, kernels for each: a program of more of them would take hours to compile. */
const MOST_STEPS = 4096;

function recurrent(
  kind: "gru" | "lstm",
  units: number,
  options: RecurrentOptions,
  gates: number,
  states: readonly string[],
  cell: Cell,
): Layer {
  const where = `nn.${kind}`;
  checkNumber(where, "units", units, { min: 1, integer: true });
  checkKeys(where, options, ["returns", "carry"]);
  const carry = options.carry ?? false;
  const returns = checkChoice(where, "returns", options.returns ?? "last", ["last", "all"]);
  const width = gates * units;
  return {
    config: { kind, units, returns, ...(carry ? { carry } : {}) },
    build(input, path) {
      const [time, features] = input as [number, number];
      if (input.length !== 2) refuseInput(path, `${kind} takes sequences`, "[time, features]", input);
      if (time > MOST_STEPS) refuseInput(path, `${kind} unrolls time`, `at most ${MOST_STEPS} steps`, input);
      const fill = fillUniform(1 / Math.sqrt(units));
      return {
        output: returns === "all" ? [time, units] : [units],
        params: {
          inputWeight: { shape: [features, width], fill },
          hiddenWeight: { shape: [units, width], fill },
          inputBias: { shape: [width], fill },
          hiddenBias: { shape: [width], fill },
        },
        ...(carry ? { carries: Object.fromEntries(states.map((name) => [name, [units]])) } : {}),
        children: {},
        apply(x, context) {
          const batch = x.shape[0] as number;
          const parts = (a: Tensor): Tensor[] => Array.from({ length: gates }, (_, i) => slice(a, [0, i * units], [batch, units]));
          // One product for the inputs of all steps, whose rows lie by time.
          const rows = reshape(permute(x, [1, 0, 2]), [time * batch, features]);
          const inputs = add(matmul(rows, context.param("inputWeight")), context.param("inputBias"));
          const zeros = context.graph.constant(0, [batch, units], "f32");
          let state: readonly Tensor[] = states.map((name) => (carry ? context.carried(name) : undefined) ?? zeros);
          const outputs: Tensor[] = [];
          for (let t = 0; t < time; t++) {
            const bias = broadcast(context.param("hiddenBias"), [batch, width]);
            const hidden = state[0] === zeros ? bias : add(matmul(state[0] as Tensor, context.param("hiddenWeight")), bias);
            state = cell(parts(slice(inputs, [t * batch, 0], [batch, width])), parts(hidden), state);
            outputs.push(state[0] as Tensor);
          }
          if (carry) for (const [i, name] of states.entries()) context.carry(name, state[i] as Tensor);
          if (returns === "last") return outputs.at(-1) as Tensor;
          return permute(reshape(pack(outputs), [time, batch, units]), [1, 0, 2]);
        },
      };
    },
  };
}
