import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { type Controller, checkRate, clamp, controller, observed } from "./controller.ts";

/** How two successive changes of the parameters, or gradients, lie to each other. Before there are two, `product` is 0. */
export interface Alignment {
  /** Their inner product. */
  readonly product: number;
  /** ‖the later‖; needed for cosines. */
  readonly norm?: number;
  /** ‖the earlier‖; needed for normalised products. */
  readonly previousNorm?: number;
}

/**
 * Which product is used: "raw", as published, whose size grows with the parameters' number and the rate's square; "cosine", divided by
 * both norms; "relative", divided by the earlier norm's square. The last two are ours.
 */
export type Normalization = "raw" | "cosine" | "relative";

/** Options of {@link hypergradient}. */
export interface HypergradientOptions {
  /** The first rate. */
  readonly rate: number;
  /** β, how fast the rate follows. */
  readonly beta: number;
  /** "additive" (default): η + β⟨g, g'⟩; "multiplicative": η(1 + β·cos(g, g')). */
  readonly form?: "additive" | "multiplicative";
}

/** State of a controller that holds nothing but its rate. */
export interface RateState {
  readonly rate: number;
}

/** Options of {@link fedHyper}. */
export interface FedHyperOptions {
  /**
   * "G": a global rate, 1 + aggregate within [0.2, 5]. "GM": the same within [0.8, 5], with 0.9·aggregate of the previous mean change
   * added. "SL": the server sets the clients' rate, lr·(1 + aggregate) within [0.001, 0.1].
   */
  readonly form: "G" | "GM" | "SL";
  /** The clients' first rate; for "SL". */
  readonly rate?: number;
  /** Default "raw". */
  readonly normalization?: Normalization;
}

/** State of {@link fedHyper}. */
export interface FedHyperState {
  /** Sum of products so far, held within the form's bounds. */
  readonly aggregate: number;
  /** The global rate; for "SL" the clients'. */
  readonly rate: number;
  /** What to multiply the previous mean change by before adding it; 0 but for "GM". */
  readonly momentum: number;
}

/** Options of {@link fedHyperClient}. */
export interface FedHyperClientOptions {
  /** The rate it multiplies. */
  readonly rate: number;
  /** Clients that take part in a round. */
  readonly clients: number;
}

/** What a client saw in one batch. */
export interface ClientObservation {
  /** ⟨this batch's change, the last round's mean change⟩. */
  readonly global: number;
  /** ⟨this batch's change, the one before⟩; for the second batch of a round, the last round's mean change stands for the latter. */
  readonly local: number;
  /** Whether the batch is the first of a round: it only resets. */
  readonly first?: boolean;
}

/** State of {@link fedHyperClient}. */
export interface ClientState {
  readonly multiplier: number;
  readonly rate: number;
}

/**
 * Returns a rate that grows while successive gradients agree and shrinks while they do not; never below 0.
 * @throws E_CONFIG
 * @see Baydin et al. 2018, arXiv 1703.04782
 */
export function hypergradient(options: HypergradientOptions): Controller<RateState, Alignment> {
  const where = "controllers.hypergradient";
  checkKeys(where, options, ["rate", "beta", "form"]);
  const rate = checkRate(where, options.rate);
  const beta = checkNumber(where, "beta", options.beta, { min: 0 });
  const form = checkChoice(where, "form", options.form ?? "additive", ["additive", "multiplicative"]);
  return controller("hypergradient", { rate, beta, form }, { rate }, (state, seen) => {
    const next =
      form === "additive"
        ? state.rate + beta * observed(where, "product", seen.product)
        : state.rate * (1 + beta * product(where, seen, "cosine"));
    return { rate: Math.max(next, 0) };
  });
}

/**
 * Returns the server's side of FedHyper; an observation is how this round's mean change of the clients lies to the last round's. In the
 * first round it is not used.
 * @throws E_CONFIG
 * @see Wang et al. 2024, arXiv 2310.03156; bounds of the authors' code
 */
export function fedHyper(options: FedHyperOptions): Controller<FedHyperState, Alignment> {
  const where = "controllers.fedHyper";
  checkKeys(where, options, ["form", "rate", "normalization"]);
  const form = checkChoice(where, "form", options.form, ["G", "GM", "SL"]);
  const normalization = checkChoice(where, "normalization", options.normalization ?? "raw", ["raw", "cosine", "relative"]);
  if (form !== "SL" && options.rate !== undefined) {
    fail("E_CONFIG", `${where}: option "rate" has no effect; expected it with form SL alone, got ${describe(options.rate)}`);
  }
  const local = form === "SL" ? checkRate(where, options.rate) : 1;
  const rateOf = (aggregate: number) => (form === "SL" ? clamp(local * (1 + aggregate), 0.001, 0.1) : 1 + aggregate);
  const [least, most] = form === "G" ? [-0.8, 4] : form === "GM" ? [-0.2, 4] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const first: FedHyperState = { aggregate: 0, rate: rateOf(0), momentum: 0 };
  const config = { form, ...(form === "SL" && { rate: local }), normalization };
  return controller("fedHyper", config, first, (state, seen) => {
    const aggregate = clamp(state.aggregate + product(where, seen, normalization), least, most);
    return { aggregate, rate: rateOf(aggregate), momentum: form === "GM" ? 0.9 * aggregate : 0 };
  });
}

/**
 * Returns the client's side of FedHyper: a multiplier of its rate within [0.1, 10], at most a tenth more after each batch, never with
 * another sign.
 * @throws E_CONFIG
 * @see Wang et al. 2024, arXiv 2310.03156; constants of the authors' code
 */
export function fedHyperClient(options: FedHyperClientOptions): Controller<ClientState, ClientObservation> {
  const where = "controllers.fedHyperClient";
  checkKeys(where, options, ["rate", "clients"]);
  const rate = checkRate(where, options.rate);
  const clients = checkNumber(where, "clients", options.clients, { min: 1 });
  return controller<ClientState, ClientObservation>("fedHyperClient", { rate, clients }, { multiplier: 1, rate }, (state, seen) => {
    if (seen.first === true) return { multiplier: 1, rate };
    const gamma = 1 + (0.1 * observed(where, "global", seen.global)) / clients + observed(where, "local", seen.local);
    const multiplier = clamp(Math.min(gamma, 1.1) * state.multiplier, 0.1, 10);
    return { multiplier, rate: rate * multiplier };
  });
}

/** Returns how two vectors lie to each other, summed in f64 in the order of their elements. @throws E_DATA */
export function alignment(later: ArrayLike<number>, earlier: ArrayLike<number>): Required<Alignment> {
  if (later.length !== earlier.length) {
    fail("E_DATA", `controllers.alignment: the vectors differ in length; expected ${later.length}, got ${earlier.length}`);
  }
  let [product, square, previous] = [0, 0, 0];
  for (let i = 0; i < later.length; i++) {
    const [a, b] = [later[i] as number, earlier[i] as number];
    product += a * b;
    square += a * a;
    previous += b * b;
  }
  return { product, norm: Math.sqrt(square), previousNorm: Math.sqrt(previous) };
}

/** The product of an observation as it is used; 0 where a norm that divides it is 0. */
function product(where: string, seen: Alignment, normalization: Normalization): number {
  const raw = observed(where, "product", seen.product);
  if (normalization === "raw" || raw === 0) return raw;
  const previous = observed(where, "previousNorm", seen.previousNorm, 0);
  const scale = previous * (normalization === "cosine" ? observed(where, "norm", seen.norm, 0) : previous);
  return scale > 0 ? raw / scale : 0;
}
