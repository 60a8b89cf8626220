import { metrics } from "palimpsest";
import { openChart } from "./chart.ts";
import { type Lesson, lossWindow, type Student } from "./lesson.ts";
import { find, percent, stamp } from "./page.ts";

/** What the page shows of one student. */
export interface Panel {
  readonly element: HTMLElement;
  /** Shows what has been measured since. */
  update(): void;
}

const titles = { naive: "Naive", replay: "Replay" } as const;

/** Returns the panel of a student. */
export function openPanel(lesson: Lesson, { strategy, learner, history }: Student): Panel {
  const element = stamp("panel");
  element.classList.add(strategy);
  find("h2", element).textContent = titles[strategy];
  const parts = lesson.tasks.map((_, i) => `task ${i + 1}`);
  const axis = { steps: lesson.steps, parts };
  const accuracies = openChart({
    ...axis,
    label: `Accuracy of each task over time, ${strategy}`,
    height: 194,
    ticks: [0, 0.5, 1],
    format: (tick) => `${percent(tick)}%`,
  });
  const losses = openChart({ ...axis, label: `Loss over time, ${strategy}`, height: 100, ticks: [0, 6, 12], format: String });
  find(".accuracies", element).append(accuracies.element);
  find(".losses", element).append(losses.element);
  const { table, fill } = openMatrix(lesson.tasks.length);
  find(".matrix", element).append(table);

  return {
    element,
    update() {
      find(".what", element).textContent =
        strategy === "naive" ? "learns only what arrives" : `replays from ${learner.stored.toLocaleString("en")} kept examples`;
      const { measured, matrix } = history;
      const now = measured.at(-1)?.accuracy ?? [];
      find(".accuracy", element).textContent = `${percent(now.reduce((sum, value) => sum + value, 0) / now.length)}%`;
      // While a task is under way, what holds now stands for the row of the matrix that is to come.
      const forgotten = metrics.forgetting(now.length > matrix.length ? [...matrix, now] : matrix, "first");
      find(".forgetting", element).textContent = forgotten === undefined ? "–" : `${percent(forgotten)}%`;
      accuracies.draw(
        lesson.tasks.map((_, task) =>
          measured.flatMap(({ step, accuracy }) => (accuracy[task] === undefined ? [] : [[step, accuracy[task]] as const])),
        ),
      );
      losses.draw([history.losses.map((loss, i) => [(i + 1) * lossWindow, loss] as const)]);
      fill(matrix);
    },
  };
}

function openMatrix(tasks: number): { table: HTMLTableElement; fill: (matrix: readonly (readonly number[])[]) => void } {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  head.append(heading(""), ...Array.from({ length: tasks }, (_, j) => heading(`task ${j + 1}`, `hued c${j}`)));
  const body = table.createTBody();
  for (let i = 0; i < tasks; i++) {
    const row = body.insertRow();
    row.append(heading(`after ${i + 1}`));
    for (let j = 0; j < tasks; j++) row.insertCell().className = j > i ? "" : "cell";
  }
  return {
    table,
    fill(matrix) {
      for (const [i, accuracies] of matrix.entries()) {
        for (const [j, accuracy] of accuracies.entries()) {
          const cell = body.rows[i]?.cells[j + 1] as HTMLTableCellElement;
          cell.textContent = percent(accuracy);
          cell.style.setProperty("--share", String(accuracy));
          cell.classList.toggle("strong", accuracy > 0.5);
        }
      }
    },
  };
}

function heading(text: string, className = ""): HTMLTableCellElement {
  const cell = document.createElement("th");
  cell.textContent = text;
  cell.className = className;
  return cell;
}
