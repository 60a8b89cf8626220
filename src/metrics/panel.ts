/** What a report shows of one run in pictures. */
import { areaChart } from "./areas.ts";
import type { Chart, Fall, Frame, Line } from "./chart.ts";
import { lineChart } from "./chart.ts";
import { gapsOf } from "./gap.ts";
import { heatMap } from "./heatmap.ts";
import type { Markup } from "./markup.ts";
import { html } from "./markup.ts";
import { beginOf, type RunRecord } from "./record.ts";
import { percent, plain, wholePercent } from "./table.ts";

type Shared = Pick<Frame, "x" | "boundaries" | "happened">;

/** Returns the pictures of one run among others, `index` in place and colour. */
export function panel(run: RunRecord, index: number, all: readonly RunRecord[]): Markup {
  const happened = run.drifts?.map(({ step, detector, signal }) => ({ step, label: `${signal} of ${detector} at step ${step}` })) ?? [];
  const shared: Shared = { x: stepsOf(all), boundaries: run.boundaries.slice(0, -1), happened };
  const training = (key: "loss" | "learningRate"): Pick<Chart, "lines" | "y"> => ({
    lines: [{ label: run.name, color: index, points: run.training.map((entry) => ({ x: entry.step, y: entry[key] })) }],
    y: [0, highest(all.flatMap((other) => other.training.map((entry) => entry[key])))],
  });
  const lost = run.training.filter((entry) => !Number.isFinite(entry.loss)).length;
  return html`<div><h3><span class="dot s${index % 8}"></span>${run.name} <small>${run.backend} · seed ${run.seed}</small></h3>
${lineChart({
  ...shared,
  title: "Accuracy on each task",
  description: "one line per task; it falls where a task is forgotten",
  lines: run.tasks.map((task, j) => ({
    label: `${j + 1} · ${task}`,
    points: run.curve.map((point) => ({ x: point.step, y: point.accuracies[j] ?? Number.NaN })),
    from: beginOf(run, j),
  })),
  falls: fallsOf(run),
  y: [0, 1],
  format: wholePercent,
})}
${heatMap(
  run.matrix,
  run.tasks,
  run.blocks?.map(({ task }) => task),
)}
${lineChart({ ...shared, ...training("loss"), title: lost === 0 ? "Training loss" : `Training loss (steps left out, their loss not finite: ${lost})`, description: "loss of each step", format: plain })}
${lineChart({ ...shared, ...training("learningRate"), title: "Learning rate", description: "learning rate of each step", format: plain })}${plasticity(run, shared)}${memory(run, shared)}</div>`;
}

/** Returns the range of steps of several runs. */
export function stepsOf(all: readonly RunRecord[]): readonly [number, number] {
  return [0, highest(all.flatMap((run) => [run.boundaries.at(-1) ?? 0, run.curve.at(-1)?.step ?? 0, run.training.at(-1)?.step ?? 0]))];
}

/** The largest finite value, at least a hair above zero so that it can end an axis. */
function highest(values: readonly number[]): number {
  return values.reduce((most, value) => (Number.isFinite(value) && value > most ? value : most), 1e-9);
}

/** The stability gap of each task just learned, where there is one to be seen. */
function fallsOf(run: RunRecord): Fall[] {
  if (run.boundaries.length > run.tasks.length) return [];
  return gapsOf(run)
    .filter(({ task, step, before, low }) => step === run.boundaries[task] && before - low >= 0.005)
    .map(({ task, step, before, low, lowStep, recovered }) => ({
      ...{ step: lowStep, from: before, to: low, color: task },
      label: `stability gap of ${run.tasks[task] ?? `task ${task}`}: ${percent(before - low)} at step ${lowStep}, ${recovered === undefined ? "not recovered from" : `back after ${recovered - step} steps`}`,
    }));
}

function plasticity({ plasticity = [] }: RunRecord, shared: Shared): Markup | undefined {
  if (plasticity.length === 0) return undefined;
  const layers = [...new Set(plasticity.flatMap((probe) => probe.layers.map(({ layer }) => layer)))];
  type Layer = (typeof plasticity)[number]["layers"][number];
  const lines = (of: (layer: Layer) => number | null | undefined, what = ""): Line[] =>
    layers.map((name, color) => ({
      ...{ label: `${name}${what}`, color },
      points: plasticity.flatMap((probe) =>
        probe.layers.filter(({ layer }) => layer === name).map((layer) => ({ x: probe.step, y: of(layer) ?? Number.NaN })),
      ),
    }));
  const chart = (title: string, description: string, drawn: readonly Line[]): Markup =>
    lineChart({
      ...shared,
      title,
      description,
      lines: drawn,
      y: [0, highest(drawn.flatMap(({ points }) => points.map(({ y }) => y)))],
      format: plain,
    });
  // A layer keeps its colour: its dormant units are told by dashes.
  const dormant = lines(({ dormant: count, units }) => count / units, ": dormant").map((line, i) => ({ ...line, color: i + 8 }));
  return html`
${lineChart({
  ...shared,
  title: "Units that are dead, and dormant",
  description: "share of each layer's units",
  lines: [...lines(({ dead, units }) => dead / units, ": dead"), ...dormant],
  y: [0, 1],
  format: wholePercent,
})}
${chart(
  "Effective rank of activations",
  "one line per layer",
  lines(({ effectiveRank }) => effectiveRank),
)}
${chart(
  "Weight magnitude",
  "mean of each layer's weights without their signs",
  lines(({ weightMagnitude }) => weightMagnitude),
)}`;
}

function memory({ memory = [], tasks }: RunRecord, shared: Shared): (Markup | undefined)[] {
  return (["tasks", "classes"] as const).map((kind) => {
    const points = memory.flatMap((fact) => {
      const amounts = fact[kind];
      if (amounts === undefined) return [];
      const named = Object.entries(amounts).map(([name, rows]) => [
        kind === "tasks" ? `${name} · ${tasks[Number(name)] ?? ""}` : name,
        rows,
      ]);
      return [{ step: fact.step, amounts: Object.fromEntries(named) as Record<string, number> }];
    });
    if (points.length === 0) return undefined;
    const what = kind === "tasks" ? "task" : "class";
    return areaChart({
      ...shared,
      title: `What the memory holds, by ${what}`,
      description: `rows of each ${what}, one upon another`,
      points,
    });
  });
}
