import type { Strategy } from "./strategy.ts";

/** Keeps, as "anchor/params" [n], the parameters as they were at the last boundary, at first those that training began with. */
export const anchor: Strategy = {
  name: "anchor",
  config: {},
  needs: { boundary: true },
  keeps: () => ({ params: { shape: "parameters", initial: "params", mirror: "copy" } }),
  // After all who still read the one before.
  edits: [{ on: "boundary", order: 100, apply: ({ vector }) => ({ keeps: { params: vector } }) }],
};
