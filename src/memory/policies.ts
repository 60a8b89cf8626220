/** The policies of a replay memory: which rows it keeps. */
import { checkKeys } from "../errors.ts";
import { type Capacity, checkPolicy, type MemoryPolicy, type PolicyName, type StorePolicy, type StoresPolicy } from "./policy.ts";

/** Options of every policy. */
export interface MemoryOptions {
  /** Rows it can hold, 1 … 2^24, or the bytes they may take. `openMemory` may have it instead. */
  readonly capacity?: Capacity;
}

/** Options of a policy that treats groups of rows. */
export interface GroupedOptions extends MemoryOptions {
  /** The column, of whole numbers, whose values make the groups. A learner has "label" and "task". */
  readonly key?: string;
}

/** Options of {@link reservoir}. */
export interface ReservoirOptions extends MemoryOptions {
  /** "R" (default) draws for each row; "L" (Li 1994) draws ahead which row comes next, so that those between cost nothing. The same law. */
  readonly method?: "R" | "L";
  /** Rows in a run that is kept or dropped whole; default 1. The capacity should be a multiple. */
  readonly chunk?: number;
}

/**
 * Returns the policy that keeps a uniform sample of all rows seen. O(1) a row.
 * @throws E_CONFIG
 * @see Vitter 1985, "Random sampling with a reservoir", algorithm R
 */
export function reservoir(options: ReservoirOptions = {}): MemoryPolicy {
  checkKeys("memory.reservoir", options, ["capacity", "method", "chunk"]);
  const { method, ...rest } = options;
  return make("reservoir", "memory.reservoir", { ...rest, skip: method === undefined || method === "R" ? 0 : method === "L" ? 1 : method });
}

/**
 * Returns the policy that keeps the newest rows, or, with a key, the newest of each group in equal shares. O(1) a row, O(groups) with a key.
 * @throws E_CONFIG
 */
export function ring(options: GroupedOptions = {}): MemoryPolicy {
  return make("ring", "memory.ring", options);
}

/**
 * Returns the policy that gives each group (default: class) an equal share and keeps a uniform sample of its rows there. Shares shrink as groups
 * appear. O(groups) a row.
 * @throws E_CONFIG
 */
export function quota(options: GroupedOptions = {}): MemoryPolicy {
  return make("quota", "memory.quota", options);
}

/**
 * Returns the policy that keeps classes as equal in number as the stream allows, each a uniform sample of its own rows. O(classes) a row.
 * @throws E_CONFIG
 * @see Chrysakis and Moens 2020, "Online continual learning from imbalanced data", algorithm 1
 */
export function classBalanced(options: GroupedOptions = {}): MemoryPolicy {
  return make("class-balanced", "memory.classBalanced", options);
}

/**
 * Returns a reservoir that also takes rows of classes below the median count, always in place of a row of a largest class. O(classes) a row.
 * @throws E_CONFIG
 * @see Buzzega et al. 2020, arXiv 2010.05595, "Rethinking experience replay: a bag of tricks for continual learning"
 */
export function balancedReservoir(options: GroupedOptions = {}): MemoryPolicy {
  return make("balanced-reservoir", "memory.balancedReservoir", options);
}

/**
 * Returns the greedy balanced policy: the first rows of each class, up to an equal share. O(classes) a row.
 * @throws E_CONFIG
 * @see Prabhu et al. 2020, "GDumb: a simple approach that questions our progress in continual learning"
 */
export function greedy(options: GroupedOptions = {}): MemoryPolicy {
  return make("greedy", "memory.greedy", options);
}

/** Options of {@link lossAware}. */
export interface LossAwareOptions extends GroupedOptions {
  /** Share of the choice that goes by the size of the row's class instead of its loss: 0 (default, LARS) … 1; LABRS has 0.5. */
  readonly balance?: number;
}

/**
 * Returns a reservoir whose rows of low loss give way first. The score of a row is its loss. O(rows) for a row that is taken.
 * @throws E_CONFIG
 * @see Buzzega et al. 2020, arXiv 2010.05595, section III-E
 */
export function lossAware(options: LossAwareOptions = {}): MemoryPolicy {
  return make("loss-aware", "memory.lossAware", options);
}

/** Options of the policies that hold a row against some stored ones. */
export interface LikenessOptions extends MemoryOptions {
  /** Stored rows that a new one is compared with, where it comes with an embedding and no score; default 10. */
  readonly strength?: number;
}

/**
 * Returns the policy that keeps rows whose gradients point apart: once full, it takes only a row that is unlike those it is held against. The score of a row is the largest cosine of its gradient with those of stored
 * rows: the column `score`, or measured on the column `embedding`. O(rows) a row.
 * @throws E_CONFIG
 * @see Aljundi et al. 2019, "Gradient based sample selection for online continual learning", GSS-Greedy
 */
export function gradientDiverse(options: LikenessOptions = {}): MemoryPolicy {
  return make("gradient-diverse", "memory.gradientDiverse", options);
}

/**
 * Returns the policy that keeps the rows of each class whose mean, pick after pick, is closest to the mean of all rows seen of it, by the
 * column `embedding`. O(share · rows of the class) for each class in a batch.
 * @throws E_CONFIG
 * @see Rebuffi et al. 2017, "iCaRL: incremental classifier and representation learning", algorithm 4
 */
export function herding(options: GroupedOptions = {}): MemoryPolicy {
  return make("herding", "memory.herding", options);
}

/**
 * Returns the policy that keeps the rows of each class closest to the mean of all rows seen of it, by the column `embedding`.
 * @throws E_CONFIG
 */
export function closestToMean(options: GroupedOptions = {}): MemoryPolicy {
  return make("closest-to-mean", "memory.closestToMean", options);
}

/** Options of {@link clusters}. */
export interface ClustersOptions extends GroupedOptions {
  /** Clusters that embeddings are put in; default 10. Without embeddings the column named by `key`, "cluster", says which. */
  readonly clusters?: number;
}

/**
 * Returns the policy that prunes the largest clusters, each of the row most like another of its own: embeddings go to clusters by sequential
 * k-means; or columns `cluster` and `score` say.
 * @throws E_CONFIG
 * @see Maharana et al. 2025, "Adapt-∞: scalable continual multimodal instruction tuning via dynamic data selection"
 */
export function clusters(options: ClustersOptions = {}): MemoryPolicy {
  return make("clusters", "memory.clusters", options);
}

/**
 * Returns the policy that drops the row most like others for one that is less so. The score of a row is its likeness: the column `score` (as from
 * HSIC), or the largest cosine of its `embedding` with those of stored rows. O(rows) a row.
 * @throws E_CONFIG
 */
export function similarity(options: LikenessOptions = {}): MemoryPolicy {
  return make("similarity", "memory.similarity", options);
}

/**
 * Returns a memory of several stores, each of which is offered every row. Draws take equal shares of them unless `draws.mixture` says otherwise.
 * @throws E_CONFIG
 */
export function stores(parts: Readonly<Record<string, MemoryPolicy>>): MemoryPolicy {
  return checkPolicy("memory.stores", { policy: "stores", stores: parts as StoresPolicy["stores"] });
}

/** Options of {@link longTerm}. */
export interface LongTermOptions {
  /** Rows of both stores together. */
  readonly capacity: number;
  /** Rows in a run that the sample keeps whole; default 1. */
  readonly chunk?: number;
}

/**
 * Returns two stores of equal size: the newest rows, `recent`, and a uniform sample of all, `past`, so that draws match the distribution of the
 * whole stream.
 * @throws E_CONFIG
 * @see Yang et al. 2024, arXiv 2401.16650, "Augmenting replay in world models for continual reinforcement learning"
 */
export function longTerm(options: LongTermOptions): MemoryPolicy {
  checkKeys("memory.longTerm", options, ["capacity", "chunk"]);
  const { capacity, chunk = 1 } = options;
  const past = Math.floor(capacity / 2 / chunk) * chunk;
  return stores({ recent: ring({ capacity: capacity - past }), past: reservoir({ capacity: past, chunk }) });
}

function make(policy: PolicyName, where: string, options: object): MemoryPolicy {
  return checkPolicy(where, { ...options, policy } as StorePolicy);
}
