/**
 * The plan: what a program becomes after fusion and layout. It is plain data, the same for every backend: a list of
 * kernels of four families (and the two hand-written optimizers) over four arenas.
 */

/** Element types of tensors. */
export type DType = "f32" | "u32";

/** How elements lie in an arena; a `u8` is read as a u32 value. */
export type Storage = DType | "u8";

/**
 * The arenas: `state` (params, slots, counters) and `rows` (replay columns) outlive a step and are shared by all programs of a
 * machine; `io` (inputs, scalars, outputs) and `work` (temporaries) belong to one program.
 */
export type ArenaName = "state" | "rows" | "io" | "work";

/** Rows picked by a u32 tensor: adds `index[i…] · stride` to an address. */
export interface Gather {
  /** Where the row numbers lie; a plain u32 access over the kernel's dims. */
  readonly index: Access;
  /** Elements from one row to the next. */
  readonly stride: number;
  /** Rows there are: a load clamps a larger number to the last row, a store drops it. */
  readonly size: number;
}

/** A condition on a walk: where `offset + Σ i·strides` is below 0 or at least `size`, a load reads 0 and touches nothing. */
export interface Bound {
  readonly offset: number;
  readonly strides: readonly number[];
  readonly size: number;
  /** Elements that the walk moves when this index moves by 1. */
  readonly step: number;
}

/** An affine walk: element (i0, i1, …) of the kernel's dims lies at `offset + Σ i·strides`, in elements of `storage` from the arena's start. */
export interface Access {
  readonly arena: ArenaName;
  readonly storage: Storage;
  readonly offset: number;
  /** One per dim of the kernel; 0 where the element does not depend on that dim. */
  readonly strides: readonly number[];
  readonly gather?: Gather;
  /** Loads only, and never beside a gather. */
  readonly bounds?: readonly Bound[];
}

/** One value of a kernel's body; `args` and `value` fields name earlier values by position. */
export type Instruction =
  /** An element of `accesses[access]`. */
  | { readonly op: "load"; readonly access: number; readonly dtype: DType }
  | { readonly op: "const"; readonly value: number; readonly dtype: DType }
  /** The u32 `offset + Σ i·strides`. */
  | { readonly op: "iota"; readonly offset: number; readonly strides: readonly number[]; readonly dtype: "u32" }
  /** Random bits of element `offset + Σ i·strides`; key low, high, step low, high lie in four u32 words of `io` from word `words`. */
  | { readonly op: "random"; readonly words: number; readonly offset: number; readonly strides: readonly number[]; readonly dtype: "u32" }
  /** The element of the product, in an epilogue. */
  | { readonly op: "product"; readonly dtype: "f32" }
  /** A row of the op table applied to earlier values. */
  | { readonly op: "apply"; readonly name: string; readonly args: readonly number[]; readonly dtype: DType };

/** A value of the body written out. */
export interface Output {
  readonly value: number;
  readonly access: Access;
}

/** The elementwise part of a kernel: what it loads, computes and stores at each point of its dims. */
export interface Body {
  readonly accesses: readonly Access[];
  readonly instructions: readonly Instruction[];
}

/** What a kernel that changes the state may stand under: it does nothing where this u32 (over no dims) is not 0. */
export interface Conditional {
  readonly unless?: Access;
}

/** For each point of `dims`: every output = a value of the body. All loads of a point come before its stores. */
export interface MapKernel extends Body, Conditional {
  readonly family: "map";
  readonly label: string;
  readonly dims: readonly number[];
  readonly outputs: readonly Output[];
}

/** What a reduction folds with. */
export type ReduceOp = "sum" | "max";

/** For each point of the first `kept` dims: every output = fold of its value over the other dims (sum of none 0, max of none −∞). */
export interface ReduceKernel extends Body {
  readonly family: "reduce";
  readonly label: string;
  readonly dims: readonly number[];
  readonly kept: number;
  /** Output accesses have stride 0 on the reduced dims. */
  readonly outputs: readonly (Output & { readonly op: ReduceOp })[];
}

/**
 * `product[b, i, j] = Σ_k a[b, i, k] · b[b, k, j]`, then the epilogue at each (b, i, j). Dims are [batch, m, n]; `batch` may be 1.
 * Operands are f32 without a gather or bounds. `a` walks [batch, m, k], `b` walks [batch, k, n]; in each, one of the last two strides is 1 unless its dim
 * is 1, and in at least one of them it is the last; a stride of 0 stands in a dim of 1 or the batch only.
 */
export interface MatmulKernel extends Body {
  readonly family: "matmul";
  readonly label: string;
  readonly dims: readonly [batch: number, m: number, n: number];
  readonly k: number;
  readonly a: Access;
  readonly b: Access;
  /** Where Σ_k b[b, k, j] goes, if anywhere: walks [batch, m, n] with stride 0 along m. The gradient of a bias comes with that of its weight. */
  readonly sums?: Access;
  /** The first output is dense over its dims (strides [m·n, n, 1]) and f32. */
  readonly outputs: readonly Output[];
}

/**
 * For each point of `dims`, the element of `target` at its gathered row: `put` sets it to the value, row numbers being distinct or dropped;
 * `add` starts from zeros (the target is dense) and adds values in row-major order of the points.
 */
export interface ScatterKernel extends Body, Conditional {
  readonly family: "scatter";
  readonly mode: "put" | "add";
  readonly label: string;
  readonly dims: readonly number[];
  readonly value: number;
  readonly target: Access;
}

/** A hand-written update over flat ranges; all accesses are dense f32 over `[count]`, scalars are f32 words of `io` or `work`. */
export interface OptimizerKernel extends Conditional {
  readonly family: "optimizer";
  readonly name: "sgd" | "adamw";
  readonly label: string;
  readonly count: number;
  /** `params`, `grads`, then the slots: `momentum` (sgd, absent without momentum) or `m`, `v` (adamw). */
  readonly tensors: Readonly<Record<string, Access>>;
  readonly scalars: Readonly<Record<string, Access>>;
  /** Compile-time choices: `nesterov`. */
  readonly flags: Readonly<Record<string, boolean>>;
}

/** One dispatch. */
export type Kernel = MapKernel | ReduceKernel | MatmulKernel | ScatterKernel | OptimizerKernel;

/** A named place in `io`. */
export interface Slot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly byteOffset: number;
}

/** A program ready for a backend. */
export interface Plan {
  readonly kernels: readonly Kernel[];
  /** Bytes of each arena this program needs; for `state` and `rows` the highest byte it touches. */
  readonly bytes: Readonly<Record<ArenaName, number>>;
  /** Places in `io` to write before a run: tensors, then scalars. They precede all outputs. */
  readonly inputs: readonly Slot[];
  /** Places in `io` to read after a run; contiguous from `outputs[0].byteOffset` to the end of `io`. */
  readonly outputs: readonly Slot[];
}
