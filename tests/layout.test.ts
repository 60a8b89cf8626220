import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

interface File {
  /** From the root of the project, with forward slashes. */
  path: string;
  text: string;
}

const topLevel = ["package.json", "package-lock.json", "tsconfig.json", "asconfig.json", "biome.json", "README.md", "LICENSE"];
const folders = ["assembly", "shaders", "src", "tests", "demo"];
const made = ["node_modules", "dist", "build", "report.html"];

/** A file imports only from places of lower rank, or from its own. */
const ranks: Record<string, number> = {
  ...{ "bytes.ts": 0, "crc.ts": 0, "errors.ts": 0, "natural.ts": 0, "random.ts": 0 },
  ...{ program: 1, stream: 1, wasm: 1 },
  ...{ nn: 2, optim: 2, memory: 2, backend: 2 },
  ...{ strategy: 3, state: 3 },
  ...{ metrics: 4, store: 4 },
  ...{ learner: 5 },
  ...{ "index.ts": 6, "testing.ts": 6, cli: 6 },
};
const caps: Record<string, number> = { src: 400, assembly: 250, shaders: 160 };
const bannedNames = ["utils", "util", "helpers", "helper", "common", "manager", "base"];

/** Engines differ in the last bit of these, so nothing that reaches data or training may call them. */
const hostMath =
  /^Math\.(exp|expm1|log|log1p|log2|log10|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot)$/;
/** The oracle that tests compare with, and what only people look at. */
const hostMathAllowed = /^src\/(program\/ops\.ts|metrics\/|cli\/)/;
const hostNames = /^(GPU[A-Z]\w*|document|window|navigator|process|Buffer|Deno|Bun)$/;

/** Returns one line per broken rule. */
function violations(files: readonly File[]): string[] {
  const found: string[] = [];
  const edges = new Map<string, string[]>();
  for (const { path, text } of files) {
    const report = (what: string) => found.push(`${path}: ${what}`);
    const [top = "", ...parts] = path.split("/");
    const generated = path.endsWith(".generated.ts");
    for (const part of parts) {
      const name = part.replace(/(\.generated|\.test)?\.(ts|wgsl)$/, "");
      if (!/^[a-z][a-z0-9]*$/.test(name)) report(`"${part}" is not one lower-case word`);
      if (bannedNames.includes(name)) report(`"${name}" says nothing about what is inside`);
    }
    const cap = caps[top];
    const lines = text.trimEnd().split("\n").length;
    if (cap !== undefined && !generated && lines > cap) report(`${lines} lines; at most ${cap}`);
    if (!path.endsWith(".ts")) continue;

    const imports = importsOf(path, text);
    const local = imports.filter((name) => name.startsWith(".")).map((name) => resolve(path, name));
    if (top === "src" || top === "assembly") edges.set(path, local);
    if (top === "assembly") {
      for (const target of local) if (!target.startsWith("assembly/")) report(`imports ${target}`);
    }
    if (top === "demo") {
      for (const target of local) if (!target.startsWith("demo/")) report(`imports ${target}; the package is imported by its name`);
    }
    if (top !== "src") continue;

    const place = parts[0] ?? "";
    const rank = ranks[place];
    if (rank === undefined) report(`"src/${place}" has no rank`);
    for (const target of local) {
      const other = target.split("/")[1] ?? "";
      if (!target.startsWith("src/")) report(`imports ${target}`);
      else if (other !== place && !((ranks[other] ?? Number.POSITIVE_INFINITY) < (rank ?? 0)))
        report(`imports ${target}, which is not of lower rank`);
      const [from, to] = [path, target].map((file) => /^src\/backend\/(wasm|webgpu)\//.exec(file)?.[1]);
      if (from !== undefined && to !== undefined && from !== to) report(`imports ${target}; backends do not know each other`);
    }
    if (place !== "cli") {
      for (const name of imports) if (!name.startsWith(".")) report(`imports "${name}"; the library is made of itself alone`);
    }
    for (const word of wordsOf(path, text)) {
      if (word === "Math.random") report("Math.random; random bits come from src/random.ts");
      if (word.startsWith("console.") && place !== "cli") report(`${word}; the library never prints`);
      if (hostMath.test(word) && !hostMathAllowed.test(path)) report(`${word}; engines differ in its last bit`);
      if (place === "program" && hostNames.test(word)) report(`${word}; the program knows no host`);
    }
  }
  const cycle = findCycle(edges);
  if (cycle !== undefined) found.push(`cycle: ${cycle.join(" → ")}`);
  return found;
}

/** Returns every module a file names, types and dynamic imports included. */
function importsOf(path: string, text: string): string[] {
  const found: string[] = [];
  visit(path, text, (node) => {
    const named =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (named !== undefined && ts.isStringLiteral(named)) found.push(named.text);
  });
  return found;
}

/** Returns every name and every `a.b` that stands in code, not in comments or strings. */
function wordsOf(path: string, text: string): string[] {
  const found: string[] = [];
  visit(path, text, (node) => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) found.push(`${node.expression.text}.${node.name.text}`);
    else if (ts.isIdentifier(node) && !(ts.isPropertyAccessExpression(node.parent) && node.parent.name === node)) found.push(node.text);
  });
  return found;
}

function visit(path: string, text: string, look: (node: ts.Node) => void): void {
  const each = (node: ts.Node): void => {
    look(node);
    ts.forEachChild(node, each);
  };
  each(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
}

/** AssemblyScript names its files without the extension. */
function resolve(from: string, name: string): string {
  const path = normalize(join(dirname(from), name)).replaceAll("\\", "/");
  return /\.\w+$/.test(path) ? path : `${path}.ts`;
}

function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const cycle = walk(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const cycle = walk(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function projectFiles(): File[] {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const below = (folder: string): File[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === "node_modules" ? [] : below(path);
      return /\.(ts|wgsl)$/.test(path) ? [{ path, text: readFileSync(join(root, path), "utf8") }] : [];
    });
  return folders.flatMap(below);
}

describe("layout", () => {
  it("holds in every file of the project", () => {
    const files = projectFiles();
    expect(files.map((file) => file.path)).toContain("src/index.ts");
    expect(violations(files)).toEqual([]);
  });

  it("has nothing at the top but what belongs there", () => {
    const entries = readdirSync(new URL("..", import.meta.url)).filter((name) => !name.startsWith(".") && !name.endsWith(".palimpsest"));
    expect(entries.filter((name) => ![...topLevel, ...folders, ...made].includes(name))).toEqual([]);
  });
});

describe("the layout's checker", () => {
  const good = { path: "src/nn/layer.ts", text: 'import { fail } from "../errors.ts";\nimport type { Loss } from "./loss.ts";\n' };

  it("passes what keeps the rules", () => {
    const speaks = { path: "src/nn/loss.ts", text: '// no Math.random, no console.log\nexport const hint: string = "Math.random";\n' };
    expect(violations([good, speaks])).toEqual([]);
  });

  it.each<[string, string, string]>([
    ["a higher rank", "src/nn/layer.ts", 'import type { Learner } from "../learner/learner.ts";'],
    ["an equal rank in another folder", "src/nn/layer.ts", 'import { sgd } from "../optim/sgd.ts";'],
    ["a higher rank by dynamic import", "src/nn/layer.ts", 'export const load = () => import("../store/fs.ts");'],
    ["a higher rank by import type", "src/nn/layer.ts", 'export type L = import("../learner/learner.ts").Learner;'],
    ["a higher rank by re-export", "src/nn/layer.ts", 'export { open } from "../learner/learner.ts";'],
    ["a file outside the library", "src/nn/layer.ts", 'import { x } from "../../tests/x.ts";'],
    ["a folder without rank", "src/tools/layer.ts", ""],
    ["the other backend", "src/backend/wasm/run.ts", 'import { run } from "../webgpu/run.ts";'],
    ["a built-in of Node", "src/store/fs.ts", 'import { open } from "node:fs";'],
    ["a package", "src/store/fs.ts", 'import { open } from "left-pad";'],
    ["a source file from the demo", "demo/main.ts", 'import { Learner } from "../src/index.ts";'],
    ["a banned name", "src/nn/utils.ts", ""],
    ["a banned folder", "src/nn/common/layer.ts", ""],
    ["a name of two words", "src/nn/twoWords.ts", ""],
    ["a long source file", "src/nn/layer.ts", "\n".repeat(400).concat("x;")],
    ["a long kernel", "assembly/map.ts", "\n".repeat(250).concat("x;")],
    ["a long shader", "shaders/map.wgsl", "\n".repeat(160).concat("x;")],
    ["host randomness", "src/nn/layer.ts", "export const x: number = Math.random();"],
    ["printing", "src/nn/layer.ts", "console.log(1);"],
    ["host mathematics", "src/nn/layer.ts", "export const x: number = Math.exp(1);"],
    ["a host's type in the program", "src/program/plan.ts", "export type D = GPUDevice;"],
  ])("catches %s", (_what, path, text) => {
    const found = violations([good, { path, text }]);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(path);
  });

  it("catches a cycle", () => {
    const a = { path: "src/nn/a.ts", text: 'import type { B } from "./b.ts";' };
    const b = { path: "src/nn/b.ts", text: 'import type { A } from "./a.ts";' };
    expect(violations([a, b])).toEqual(["cycle: src/nn/a.ts → src/nn/b.ts → src/nn/a.ts"]);
  });

  it("lets generated files be long", () => {
    expect(violations([{ path: "src/wasm/bytes.generated.ts", text: "\n".repeat(999) }])).toEqual([]);
  });

  it("lets the command print and use what Node has built in", () => {
    expect(violations([{ path: "src/cli/index.ts", text: 'import { argv } from "node:process";\nconsole.log(argv);' }])).toEqual([]);
  });
});
