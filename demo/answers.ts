import { classes } from "./course.ts";
import type { Strategy } from "./lesson.ts";
import { find, percent } from "./page.ts";

/** What each student makes of the drawing. */
export interface Answers {
  /** Makes room for these students. */
  reset(students: readonly Strategy[]): void;
  /** Shows probabilities [classes] of each student; without any, no answer. */
  show(probabilities: readonly Float32Array[]): void;
  /** Marks the digits that were taught so far. */
  teach(digits: readonly number[]): void;
}

/** Returns the page's answers. */
export function openAnswers(): Answers {
  const said = find("#answers");
  const rows = Array.from({ length: classes }, (_, digit) => {
    const row = find<HTMLTableSectionElement>("#bars").insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = String(digit);
    row.append(name, document.createElement("td"));
    return row;
  });

  return {
    reset(students) {
      said.replaceChildren(
        ...students.map((strategy) => {
          const answer = document.createElement("p");
          answer.className = strategy;
          answer.append(`${strategy} `, document.createElement("b"), document.createElement("small"));
          return answer;
        }),
      );
      for (const row of rows) {
        const bars = students.map((strategy) => {
          const bar = document.createElement("i");
          bar.className = `bar ${strategy}`;
          return bar;
        });
        row.cells[1]?.replaceChildren(...bars);
      }
      this.show([]);
    },
    show(probabilities) {
      for (const [i, answer] of [...said.children].entries()) {
        const own = probabilities[i];
        const best = own === undefined ? undefined : own.indexOf(Math.max(...own));
        find("b", answer).textContent = best === undefined ? "–" : String(best);
        find("small", answer).textContent = best === undefined ? "" : ` ${percent(own?.[best] as number)}%`;
        for (const [digit, row] of rows.entries()) {
          const bar = row.cells[1]?.children[i] as HTMLElement;
          bar.style.setProperty("--share", String(own?.[digit] ?? 0));
          bar.classList.toggle("best", digit === best);
        }
      }
    },
    teach(digits) {
      for (const [digit, row] of rows.entries()) row.classList.toggle("untaught", !digits.includes(digit));
    },
  };
}
