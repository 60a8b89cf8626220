/** Rows as tables. */
import { judge, ratios, targets } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

/** Returns three digits of a number. @param {number} value */
const show = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Returns the rows for a terminal, under their workloads. @param {readonly Row[]} rows */
export function text(rows) {
  return rows
    .map((row, i) => {
      const { workload, name, variant, value, unit, ms, noise = 0, parameters, cost, skipped } = row;
      const size = parameters === undefined ? "" : `, ${parameters} parameters`;
      const title = workload === rows[i - 1]?.workload ? "" : `\n${workload}${size}\n`;
      if (skipped !== undefined || value === undefined) return `${title}  ${[name, variant ?? []].flat().join(", ")}: left out: ${skipped}`;
      const columns = [name.padEnd(48), show(value).padStart(8), unit.padEnd(12)];
      if (ms !== undefined) columns.push(`${ms.toFixed(3).padStart(10)} ms ±${(100 * noise).toFixed(0).padStart(2)} %`);
      if (row.kind === "palimpsest") columns.push(...ratios(rows, row).map(({ than, value }) => ` ${show(value)}× ${than}`));
      if (cost !== undefined) {
        const { bytes, kernels, slots, ratio } = cost;
        columns.push(
          [...(ratio ? [` ${ratio}× the time of AdamW by hand`] : [""]), `${bytes} bytes`, kernels, `${slots} slots`].join("; "),
        );
      }
      return `${title}  ${columns.join(" ").trimEnd()}`;
    })
    .join("\n");
}

/** Returns the targets of those workloads with what was measured, for a terminal. @param {readonly Row[]} rows */
export function verdicts(rows) {
  const measured = new Set(rows.map(({ workload }) => workload));
  const lines = targets.flatMap((target) => {
    if (!measured.has(target.workload)) return [];
    const { workload, wanted, value, verdict } = judge(rows, target);
    return [`  ${wanted.padEnd(28)} ${(value === undefined ? "" : show(value)).padStart(6)}  ${workload}: ${verdict}`];
  });
  return ["\nTargets", ...lines].join("\n");
}

/** Returns the tables that stand in README. @param {readonly Row[]} rows @param {string} machine */
export function markdown(rows, machine) {
  return [`${machine}.`, steps(rows), wanted(rows), ...updates(rows), ...added(rows)].join("\n\n");
}

/** What an update costs, a line for each optimizer, where that was measured. @param {readonly Row[]} rows */
function updates(rows) {
  const costs = rows.filter(({ cost }) => cost !== undefined);
  const workloads = [...new Set(costs.map(({ workload }) => workload))];
  const lines = [...new Set(costs.map(({ name }) => name))].map((name) => {
    const own = workloads.map((workload) => costs.find((row) => row.name === name && row.workload === workload));
    const { bytes = "", kernels = "", slots = "" } = own.find((row) => row !== undefined)?.cost ?? {};
    return [name, ...own.map((row) => (row?.value === undefined ? "" : show(row.value))), bytes, kernels, slots];
  });
  const head = ["ns per parameter", ...workloads.map((workload) => workload.replace("one update of ", "")), "bytes", "kernels", "slots"];
  return lines.length === 0 ? [] : [table(head, lines)];
}

/** What strategies add to a step, a line for each, where that was measured. @param {readonly Row[]} rows */
function added(rows) {
  const found = rows.filter(({ strategy }) => strategy !== undefined);
  const workloads = [...new Set(found.map(({ workload }) => workload))];
  const lines = [...new Set(found.map(({ variant }) => variant ?? ""))].map((variant) => [
    variant,
    ...workloads.flatMap((workload) => {
      const { ms = 0, value = 0, strategy } = found.find((row) => row.variant === variant && row.workload === workload) ?? {};
      const { found: more = 0, declared = 0 } = strategy ?? {};
      return [show(ms), ...[value, more, declared].map((number) => number.toFixed(2))];
    }),
  ]);
  const columns = workloads.flatMap((workload) => [`${workload.replace(/.*, /, "")}, ms`, "× naive", "passes more", "declared"]);
  return lines.length === 0 ? [] : [table(["a step with strategies", ...columns], lines)];
}

/** Whole steps, a column for each library. @param {readonly Row[]} rows */
function steps(rows) {
  const timed = rows.filter(({ unit, ms }) => unit === "steps/s" && ms !== undefined);
  const libraryOf = (/** @type {Row} */ { name, variant }) => [/^\D*\d[\w.]*|^.*/.exec(name)?.[0], variant ?? []].flat().join(", ");
  const libraries = [...new Set(timed.map(libraryOf))];
  const lines = [...new Set(timed.map(({ workload }) => workload))].map((workload) => {
    const times = timed.filter((row) => row.workload === workload);
    const least = Math.min(...times.map(({ ms }) => /** @type {number} */ (ms)));
    return [
      workload,
      ...libraries.map((library) => {
        const { ms } = times.find((row) => libraryOf(row) === library) ?? {};
        return ms === undefined ? "" : ms === least ? `**${show(ms)}**` : show(ms);
      }),
    ];
  });
  return table(["whole step, ms", ...libraries], lines);
}

/** @param {readonly Row[]} rows */
function wanted(rows) {
  const lines = targets.map((target) => {
    const { workload, wanted, value, verdict } = judge(rows, target);
    return [workload, wanted, ...(value === undefined ? ["", "not measured"] : [show(value), verdict])];
  });
  return table(["Palimpsest on", "wanted", "measured", ""], lines);
}

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} lines */
const table = (head, lines) => [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
