/**
 * The support table: how many operations of each family passed tests/conformance/sweep.test.ts, on which backend of which runtime. Reads what
 * the suites left in build/logs, prints the table, and fails where README says otherwise of a runtime that has run.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const runtimes = ["Node", "Deno", "Bun", "Chromium", "Firefox"];
const columns = ["Wasm", "WebGPU"].flatMap((backend) => runtimes.map((runtime) => ({ backend, runtime })));
/** @typedef {(typeof columns)[number]} Column */

/** Returns the table as Markdown. @param {readonly string[]} families @param {(family: string, column: Column) => string} cell */
export function renderSupport(families, cell) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const head = columns.map(({ backend, runtime }, i) => (i % runtimes.length === 0 ? `${backend}: ${runtime}` : runtime));
  const rows = families.map((family) => line([family, ...columns.map((column) => cell(family, column))]));
  return [line(["operations", ...head]), line(["---", ...columns.map(() => "---")]), ...rows].join("\n");
}

/** @typedef {{ ancestorTitles: string[], status: string }} Test */

/** Returns the tests of each column whose runtime has run. @returns {Promise<Map<Column, Test[]>>} */
async function readReports() {
  const found = new Map();
  for (const column of columns) {
    const text = await readFile(`build/logs/${column.runtime.toLowerCase()}.json`, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const tests = JSON.parse(text).testResults.flatMap((/** @type {{ assertionResults: Test[] }} */ file) => file.assertionResults);
    const own = tests.filter((/** @type {Test} */ test) => test.ancestorTitles[0] === `conformance on ${column.backend}`);
    if (own.length > 0) found.set(column, own);
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  const reports = await readReports();
  const families = [...new Set([...reports.values()].flat().map((test) => `${test.ancestorTitles[1]}`))];
  const counted = (/** @type {string} */ family, /** @type {Column} */ column) => {
    const tests = reports.get(column)?.filter((test) => test.ancestorTitles[1] === family);
    return tests === undefined ? "not run" : `${tests.filter((test) => test.status === "passed").length}/${tests.length}`;
  };
  console.log(renderSupport(families, counted));
  const readme = await readFile("README.md", "utf8");
  const cells = readme.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  for (const family of families) {
    const shown = cells.find((row) => row[1] === family)?.slice(2) ?? [];
    for (const [i, column] of columns.entries()) {
      if (!reports.has(column) || shown[i] === counted(family, column)) continue;
      console.error(
        `README differs: ${family} on ${column.backend} in ${column.runtime}; expected ${counted(family, column)}, got ${shown[i]}`,
      );
      process.exitCode = 1;
    }
  }
}
