import type { streams } from "palimpsest";
import { samplesOf, showGlyphs } from "./glyphs.ts";
import type { Lesson } from "./lesson.ts";
import { find, stamp } from "./page.ts";

/** Fills the list of tasks with samples of each; returns the way to show how far a lesson is. */
export function openTasks(tasks: readonly streams.Task[]): (lesson: Lesson) => void {
  const items = tasks.map((task, i) => {
    const item = stamp("task");
    item.classList.add(`c${i}`);
    find("b", item).textContent = `Task ${i + 1}`;
    find("span", item).textContent = task.classes.join(" and ");
    showGlyphs(find("canvas", item), samplesOf(task, 12), 6);
    return item;
  });
  find("#tasks").replaceChildren(...items);

  return (lesson) => {
    for (const [i, item] of items.entries()) {
      const progress = Math.max(0, Math.min(1, lesson.step / lesson.stepsPerTask - i));
      find<HTMLProgressElement>("progress", item).value = progress;
      item.toggleAttribute("aria-current", lesson.task === i && lesson.step > 0 && progress < 1);
      item.classList.toggle("done", progress === 1);
    }
  };
}
