import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { broadcast, less } from "../program/tensor.ts";
import { featuresOfRows, featuresProgram, storedRows } from "./gathered.ts";
import type { HostFold } from "./host.ts";
import { lda } from "./lda.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link firstSession}. */
export interface FirstSessionOptions {
  /** What is trained until the first boundary: the whole `body` (default), or of it only the layers `nn.film`; the classifier always. */
  readonly trains?: "body" | "film";
  /** What is added to the covariance's diagonal, above 0. Default 1. */
  readonly ridge?: number;
}

/** Rows read between two moments at which the learner may be saved. */
const PIECE = 256;

/**
 * Returns first session adaptation: until the first boundary the model is trained, after it no bit of it, and discriminant analysis answers, see
 * {@link lda}. Answers before the boundary are of features that still move; at the boundary what was gathered of them gives way to that of the rows
 * in memory, as the model then sees them: rows that memory does not hold count no more. Running statistics of `nn.batchNorm` would go on moving:
 * give it `frozen: true`, or use `nn.layerNorm` or `nn.groupNorm`.
 * @throws E_CONFIG
 * @see Panos et al. 2023, arXiv 2303.13199, "First session adaptation", sections 3 and 4; github.com/aresPanos/fsa
 */
export function firstSession(options: FirstSessionOptions = {}): Strategy {
  const where = "strategies.firstSession";
  checkKeys(where, options, ["trains", "ridge"]);
  const trains = checkChoice(where, "trains", options.trains ?? "body", ["body", "film"]);
  const ridge = checkNumber(where, "ridge", options.ridge ?? 1, { min: 0, open: "min" });
  const { fold, head } = lda({ ridge }) as { readonly fold: HostFold; readonly head: NonNullable<Strategy["head"]> };
  return {
    name: "firstSession",
    config: { trains, ridge },
    needs: { labels: true, features: true, linear: true, boundary: true },
    needsMemory: true,
    keeps: () => ({ over: { shape: [] } }),
    space: {
      trains({ graph, tensors, joined, kept, facts, vector }) {
        const open = less(kept("over"), 1);
        if (trains === "body") return broadcast(open, vector.shape);
        const film = tensors.filter(({ path }) => /(^|\.)(gamma|beta)$/.test(path)).map(({ path }) => path);
        if (film.length === 0)
          fail("E_CONFIG", `${where}: there is nothing to train; expected layers nn.film in the model, got none`, {
            hint: 'Put nn.film() behind its normalisations or layers, or use trains: "body".',
          });
        const chosen = new Set([...film, ...(facts.classifier ?? [])]);
        const shut = graph.constant(0, [], "u32");
        return joined(new Map(tensors.map(({ path, shape }) => [path, broadcast(chosen.has(path) ? open : shut, shape)])));
      },
    },
    edits: [{ on: "boundary", apply: ({ graph }) => ({ keeps: { over: graph.constant(1, [], "f32") } }) }],
    fold,
    head,
    programs: { features: featuresProgram },
    phases: [
      {
        on: "boundary",
        async next(context, cursor) {
          const { numbers, boundaries, step, memory } = context;
          if (cursor === undefined) {
            if (boundaries > 1) return undefined;
            for (const values of Object.values(numbers)) values.fill(0);
          }
          const slots = cursor === undefined ? storedRows(memory).map(({ slot }) => slot) : (cursor.slots as readonly number[]);
          const rows = await featuresOfRows(context, slots.slice(0, PIECE));
          fold.push(numbers, { ...rows, step, task: 0 }, context);
          return slots.length <= PIECE ? undefined : { slots: slots.slice(PIECE) };
        },
      },
    ],
  };
}
