/**
 * The document pages: one for each family of schedules, optimizers and what goes with them, made of the docstrings of `src/` and of pictures
 * of what the code does. `npm run docs` writes them; tests/package/docs.test.ts holds those that are committed to what this makes of them.
 */
import * as palimpsest from "palimpsest";
import { applyOptimizer } from "../src/learner/testing.ts";
import { picture as chart } from "../src/metrics/chart.ts";
import { html } from "../src/metrics/markup.ts";
import { colors, drawing } from "../src/metrics/style.ts";
import { readSource } from "./docstrings.mjs";
import { families } from "./families.mjs";

/** @typedef {import("./docstrings.mjs").Maker} Maker */
/** @typedef {import("./docstrings.mjs").Member} Member */
/** @typedef {import("./docstrings.mjs").Type} Type */
/** @typedef {import("./families.mjs").Family} Family */
/** @typedef {import("palimpsest").Tensor} Tensor */

/** Where the pages lie, from the root of the project. */
export const folder = "src/optim/docs";

/** Types that every page takes for known, or that stand on another. */
const known = ["Optimizer", "Transform", "Schedule", "ScheduleConfig", "Tensor", "Batch", "Dataset"];

/** Returns what the pages are made of. */
export const readFamilies = () => readSource([...new Set(families.map(({ namespace }) => namespace))]);

/** Returns the text of every page and picture by its file's name. @param {ReturnType<typeof readSource>} source @returns {Promise<Map<string, string>>} */
export async function renderDocs({ makers, types }) {
  /** @type {Map<string, string>} */
  const files = new Map([["README.md", index()]]);
  const runtime = await palimpsest.openRuntime({ backend: "wasm" });
  for (const family of families) {
    const own = Object.keys(family.makers).map((name) => {
      const maker = makers.get(family.namespace)?.get(name);
      if (maker === undefined) throw new Error(`docs: ${family.file} shows ${family.namespace}.${name}, which there is not`);
      return maker;
    });
    files.set(`${family.file}.md`, page(family, own, types));
    for (const [name, svg] of await pictures(family, runtime)) files.set(name, svg);
  }
  runtime.close();
  return files;
}

function index() {
  const lines = families.map(({ file, title, purpose, makers }) => {
    const names = Object.keys(makers).map((name) => `[\`${name}\`](${file}.md#${name.toLowerCase()})`);
    return `| [${title}](${file}.md) | ${purpose} | ${names.join(" ")} |`;
  });
  return `# Schedules, optimizers and what goes with them

${generated}

| | | |
| --- | --- | --- |
${lines.join("\n")}
`;
}

const generated = "<!-- Made by `npm run docs` from the docstrings of src/. -->";

/** @param {Family} family @param {readonly Maker[]} makers @param {ReadonlyMap<string, Type>} types */
function page(family, makers, types) {
  const { file, title, purpose, namespace, picture } = family;
  const link = linker(family);
  const shown = picture === undefined ? [] : [image(title, file), link(picture.caption)];
  const sections = makers.map((maker) => section(family, maker, link));
  const others = reached(makers, types).map((type) => typeSection(type, link));
  const blocks = [
    `# ${title}`,
    generated,
    `${purpose} Functions of \`${namespace}\`: ${makers.map(({ name }) => `[\`${name}\`](#${name.toLowerCase()})`).join(", ")}.`,
    ...shown,
    ...sections,
    ...(others.length > 0 ? ["## Types", ...others] : []),
    "[All pages](README.md)",
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** @param {Family} family @param {Maker} maker @param {Link} link */
function section({ file, namespace, makers, picture }, { name, signature, doc, tables }, link) {
  const example = makers[name];
  const notes = [
    doc.see && `Source: ${link(doc.see)}.`,
    doc.throws && `Throws ${link(doc.throws.replace(/\bE_[A-Z_]+/g, "`$&`"))}.`,
    ...keeps(name, example),
  ];
  const drawn = example !== undefined && picture === undefined;
  return [
    `## ${name}`,
    fenced(signature),
    link(doc.text),
    notes.filter((note) => note).join("\n"),
    ...tables.map(({ title, members }) => (tables.length > 1 ? `\`${title}\`\n\n${table(members, link)}` : table(members, link))),
    ...(drawn ? [image(`${namespace}.${name}`, `${file}-${name.toLowerCase()}`)] : []),
    ...(example === undefined ? [] : [`${drawn ? "Drawn" : "In the picture"}:`, fenced(exampleOf(example))]),
  ]
    .filter((block) => block !== "")
    .join("\n\n");
}

/** Returns what an optimizer keeps and what may change while it trains. @param {string} name @param {import("./families.mjs").Example | undefined} example */
function keeps(name, example) {
  const made = example === undefined ? undefined : /** @type {any} */ (evaluate(example.code));
  if (made?.kind !== "rule" || made.name !== name) return [];
  const { slots, hyper } = /** @type {import("palimpsest").Optimizer} */ (made);
  const kept = Object.entries({
    parameter: "of each parameter",
    row: "of each row",
    column: "of each column",
    tensor: "of each tensor",
    all: "once",
  });
  const parts = kept.flatMap(([per, where]) => {
    const names = slots.flatMap((slot) => (slot.per === per ? [`\`${slot.name}\``] : []));
    return names.length === 0 ? [] : [`${listed(names)} ${where}`];
  });
  const changing = ["learningRate", ...Object.keys(hyper)].map((name) => `\`${name}\``);
  return [`Keeps ${parts.length === 0 ? "nothing" : parts.join(", ")}.`, `May change while training: ${listed(changing)}.`];
}

const listed = (/** @type {readonly string[]} */ names) =>
  [names.slice(0, -1).join(", "), ...names.slice(-1)].filter((part) => part).join(" and ");

/** @typedef {(text: string) => string} Link makes links of what a docstring refers to */

/** @param {Family} family @returns {Link} */
function linker({ file, namespace }) {
  const here = (/** @type {string} */ name) => {
    const owner = families.find((each) => each.namespace === namespace && Object.hasOwn(each.makers, name));
    if (owner === undefined) return `\`${name}\``;
    return `[\`${name}\`](${owner.file === file ? "" : `${owner.file}.md`}#${name.toLowerCase()})`;
  };
  return (text) =>
    text.replace(/\{@link (\w+)\}/g, (_, name) => here(name)).replace(/arXiv (\d{4}\.\d{4,5})/g, "[arXiv $1](https://arxiv.org/abs/$1)");
}

/** @param {readonly Member[]} members @param {Link} link */
function table(members, link) {
  const rows = members.map(({ name, type, required, standard, meaning }) => {
    const value = required ? "required" : standard === undefined ? "" : /\s/.test(standard) ? standard : `\`${standard}\``;
    return `| \`${cell(name)}\` | \`${cell(type)}\` | ${cell(value)} | ${cell(link(meaning))} |`;
  });
  return ["| option | type | default | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

const cell = (/** @type {string} */ text) => text.replaceAll("|", "\\|").replaceAll("\n\n", " ");

/** @param {Type} type @param {Link} link */
function typeSection({ name, doc, alias, members }, link) {
  const rows = members.map(
    ({ name, type, required, text }) => `| \`${cell(name)}${required ? "" : "?"}\` | \`${cell(type)}\` | ${cell(link(text))} |`,
  );
  return [
    `### ${name}`,
    ...(alias === undefined ? [] : [fenced(`type ${name} = ${alias}`)]),
    link(doc.text),
    ...(rows.length > 0 ? [["| member | type | |", "| --- | --- | --- |", ...rows].join("\n")] : []),
  ].join("\n\n");
}

/** Returns the types that functions speak of, in the order in which they are met. @param {readonly Maker[]} makers @param {ReadonlyMap<string, Type>} types */
function reached(makers, types) {
  const tabled = makers.flatMap(({ tables }) => tables.map(({ title }) => title));
  /** @type {Set<Type>} */
  const found = new Set();
  const visit = (/** @type {readonly string[]} */ names) => {
    for (const name of names) {
      const type = types.get(name);
      if (type === undefined || known.includes(name) || tabled.includes(name) || found.has(type)) continue;
      found.add(type);
      visit(type.uses);
    }
  };
  for (const { uses } of makers) visit(uses);
  return [...found].filter(({ name, alias = "" }) => !name.endsWith("Options") && !/^"/.test(alias));
}

const fenced = (/** @type {string} */ code) => `\`\`\`ts\n${code}\n\`\`\``;
const image = (/** @type {string} */ title, /** @type {string} */ file) => `![${title}](${file}.svg)`;

/** @param {import("./families.mjs").Example} example */
function exampleOf({ code, rate, options }) {
  const context =
    options === undefined
      ? ""
      : ` // ${JSON.stringify(options)
          .replace(/"(\w+)":/g, " $1: ")
          .replace(/}/g, " }")}`;
  return `${code}${rate === undefined ? "" : ` // at a learning rate of ${rate}`}${context}`;
}

/** Returns the value of an expression over the names of the package. @param {string} code */
export function evaluate(code) {
  const names = ["optim", "schedules"];
  return new Function(...names, `return ${code};`)(palimpsest.optim, palimpsest.schedules);
}

const STEPS = 300;

/** Returns the pictures of a page by file name. @param {Family} family @param {import("palimpsest").Runtime} runtime */
async function pictures({ file, makers, picture }, runtime) {
  const examples = Object.entries(makers).flatMap(([name, example]) => (example === undefined ? [] : [{ name, ...example }]));
  if (picture === undefined) {
    const drawn = examples.map(async ({ name, code, options }) => {
      const svg = await palimpsest.schedules.plot(evaluate(code), { steps: STEPS, title: name, ...options });
      return /** @type {const} */ ([`${file}-${name.toLowerCase()}.svg`, svg]);
    });
    return Promise.all(drawn);
  }
  const { lines, title, unit = "loss", step = 1, powers = false } = picture;
  if (lines !== undefined) return [/** @type {const} */ ([`${file}.svg`, draw(title, unit, await lines(), { step, powers })])];
  /** @type {Record<string, number[]>} */
  const losses = {};
  for (const { name, code, rate } of examples) losses[name] = await lossesOf(runtime, evaluate(code), /** @type {number} */ (rate));
  return [/** @type {const} */ ([`${file}.svg`, draw(title, unit, losses, { every: 3, powers: true })])];
}

/** Returns the loss before each step on one problem for all optimizers. @param {import("palimpsest").Runtime} runtime @param {import("palimpsest").Optimizer} optimizer @param {number} learningRate */
export async function lossesOf(runtime, optimizer, learningRate) {
  const { add, matmul, mean, mul, reshape, sin, square, sub, tanh, toF32 } = palimpsest.tensor;
  const numbers = (
    /** @type {Tensor} */ { graph },
    /** @type {[rows: number, columns: number]} */ [rows, columns],
    /** @type {number} */ turn,
  ) => reshape(sin(mul(add(toF32(graph.iota(rows * columns)), 1), turn)), [rows, columns]);
  const start = (/** @type {number[]} */ shape, /** @type {number} */ size) => {
    const count = shape.reduce((a, b) => a * b, 1);
    // A golden section of the circle fills it evenly.
    return { shape, data: Array.from({ length: count }, (_, i) => size * (2 * ((i * 0.618034 + 0.3) % 1) - 1)) };
  };
  const params = { hidden: start([3, 16], 1), "hidden.bias": start([16], 0.1), out: start([16, 2], 0.3), "out.bias": start([2], 0) };
  const loss = (/** @type {Readonly<Record<string, Tensor>>} */ given) => {
    const { hidden, out } = /** @type {Record<"hidden" | "out", Tensor>} */ (given);
    const biases = /** @type {[Tensor, Tensor]} */ ([given["hidden.bias"], given["out.bias"]]);
    const x = numbers(hidden, [48, 3], 1.7);
    const wanted = sin(mul(matmul(x, numbers(hidden, [3, 2], 2.3)), 2));
    const y = add(matmul(tanh(add(matmul(x, hidden), biases[0])), out), biases[1]);
    return mean(square(sub(y, wanted)));
  };
  const { metrics } = await applyOptimizer(runtime, optimizer, { params, loss, steps: STEPS, learningRate });
  return metrics.map(({ loss }) => /** @type {number} */ (loss));
}

/**
 * Returns lines as one SVG document with a legend; with `powers`, values by their logarithms.
 * @param {string} title @param {string} unit @param {Readonly<Record<string, readonly number[]>>} values @param {{ every?: number, step?: number, powers?: boolean }} [options]
 */
function draw(title, unit, values, { every = 1, step = 1, powers = false } = {}) {
  const place = (/** @type {number} */ value) => (powers ? Math.log10(value) : value);
  const lines = Object.entries(values).map(([label, list]) => ({
    label,
    points: list.flatMap((value, x) => (x % every === 0 ? [{ x: x * step, y: place(value) }] : [])),
  }));
  const all = lines.flatMap(({ points }) => points.map(({ y }) => y)).filter(Number.isFinite);
  const [width, height, row] = [600, 260, 18];
  const perRow = lines.some(({ label }) => label.length > 14) ? 3 : 4;
  const bottom = 24 + height + row * Math.ceil(lines.length / perRow) + 6;
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const picture = chart({
    ...{ title, width, height, boundaries: [], lines, description: `${unit} of ${lines.map(({ label }) => label).join(", ")}` },
    x: [0, Math.max(...lines.map(({ points }) => points.at(-1)?.x ?? 0))],
    y: [powers || low > high / 2 ? low : Math.min(low, 0), high],
    format: (value) => String(Number((powers ? 10 ** value : value).toPrecision(2))),
  });
  const legend = lines.map(({ label }, i) => {
    const [x, y] = [52 + (i % perRow) * (548 / perRow), 24 + height + row * Math.floor(i / perRow) + 8];
    return html`<path class="stroke s${i % 8} d${Math.floor(i / 8) % 3}" d="M${x} ${y}h22"/><text x="${x + 28}" y="${y + 4}">${label}</text>`;
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom}" viewBox="0 0 ${width} ${bottom}" role="img" aria-label="${title}">
<title>${title}</title><style>${{ markup: `${colors}text{font-family:system-ui,sans-serif}${drawing}` }}</style>
<rect width="100%" height="100%" fill="var(--card)"/><text x="${width / 2}" y="18" class="middle">${title}</text>
<g transform="translate(0 24)">${picture}</g>
${legend}
</svg>
`.markup;
}
