import type { Markup } from "./markup.ts";
import { html } from "./markup.ts";
import type { AccuracyMatrix } from "./matrix.ts";
import { known } from "./matrix.ts";

const width = 600;
const left = 150;
const top = 40;
/** Above this many tasks a cell is too small for its number, which then shows on pointing only. */
const mostNumbered = 12;

/**
 * Returns the accuracy matrix as a figure: one row per task trained, one column per task tested, stronger is better.
 * @param trained the task of each row, default one after another
 */
export function heatMap(matrix: AccuracyMatrix, tasks: readonly string[], trained: readonly number[] = [...matrix.keys()]): Markup {
  const side = (width - left) / tasks.length;
  const tall = Math.max(18, Math.min(38, side));
  const height = top + tall * matrix.length + 4;
  const cell = (i: number, j: number): Markup => {
    const value = known(matrix[i]?.[j]);
    const x = (left + j * side).toFixed(1);
    const y = top + i * tall;
    const name = `after ${tasks[trained[i] as number]}, on ${tasks[j]}: ${value === undefined ? "not evaluated" : `${(value * 100).toFixed(1)} %`}`;
    const number = value === undefined ? "–" : String(Math.round(value * 100));
    const ink = value === undefined ? "" : value > 0.78 ? "strong" : value > 0.55 ? "middling" : "weak";
    return html`<g><title>${name}</title><rect class="${trained[i] === j ? "cell own" : "cell"}" x="${x}" y="${y}" width="${(side - 2).toFixed(1)}" height="${tall - 2}" rx="3" fill-opacity="${(0.06 + 0.94 * (value ?? 0)).toFixed(3)}"/>${
      tasks.length <= mostNumbered
        ? html`<text class="middle ${ink}" x="${(left + (j + 0.5) * side - 1).toFixed(1)}" y="${y + tall / 2 + 3}">${number}</text>`
        : undefined
    }</g>`;
  };
  return html`<figure><figcaption>Accuracy on each task after each task, in %</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Matrix of accuracies: rows are the task just trained, columns the task tested">
<text x="${left - 10}" y="14" class="end">trained up to ↓</text><text x="${left}" y="14">tested on →</text>
${tasks.map((name, j) => html`<text class="middle" x="${(left + (j + 0.5) * side - 1).toFixed(1)}" y="${top - 8}">${j + 1}<title>${name}</title></text>`)}
${matrix.map((_, i) => html`<text class="end" x="${left - 10}" y="${top + (i + 0.5) * tall + 3}">${shortened(`${i + 1} · ${tasks[trained[i] as number]}`, 22)}</text>`)}
${matrix.map((_, i) => tasks.map((_, j) => cell(i, j)))}
</svg></figure>`;
}

function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
