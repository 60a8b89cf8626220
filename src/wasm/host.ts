/** Returns the built-in module `id`, or undefined where the host is no Node, Deno or Bun. No import, so no bundler looks for it. */
export function builtin(id: string): unknown {
  const host = (globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }).process;
  return host?.getBuiltinModule?.(id);
}
