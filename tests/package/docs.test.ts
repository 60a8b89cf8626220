import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { batching, controllers, optim, planners, schedules } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { folder, readFamilies, renderDocs } from "../../.config/docs.mjs";
import { defaultOf } from "../../.config/docstrings.mjs";
import { families } from "../../.config/families.mjs";

const root = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));

const source = readFamilies();

describe("the document pages", () => {
  let files: ReadonlyMap<string, string>;
  beforeAll(async () => {
    files = await renderDocs(source);
  });

  it("are what `npm run docs` makes of the docstrings and of the code", async () => {
    for (const [name, text] of files) await expect(text, `${folder}/${name}: run npm run docs`).toMatchFileSnapshot(`${root}${name}`);
    expect(readdirSync(root).filter((name) => !files.has(name))).toEqual([]);
  });

  it("have small pictures, and links that lead somewhere", () => {
    for (const [name, text] of files) {
      if (name.endsWith(".svg")) expect(text.length, name).toBeLessThan(20_000);
      for (const [, file = "", anchor] of text.matchAll(/\]\((?!https:)([^)#]*)(?:#([^)]*))?\)/g)) {
        const target = files.get(file === "" ? name : file);
        expect(target, `${name}: ${file}`).toBeDefined();
        if (anchor !== undefined) expect(target?.toLowerCase(), `${name}: ${file}#${anchor}`).toMatch(new RegExp(`^##+ ${anchor}$`, "m"));
      }
    }
  });

  it.each(Object.entries({ optim, schedules, planners, controllers, batching }))(
    "show every function of %s once",
    (namespace, functions) => {
      const exported = Object.entries(functions).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
      const shown = families.flatMap((family) => (family.namespace === namespace ? Object.keys(family.makers) : []));
      expect(shown.sort()).toEqual(exported.sort());
    },
  );
});

describe("docstrings", () => {
  it("name the defaults that the code has", () => {
    let compared = 0;
    for (const { namespace, makers: shown } of families) {
      for (const [name, example] of Object.entries(shown)) {
        const members = source.makers.get(namespace)?.get(name)?.tables[0]?.members ?? [];
        if (example === undefined || !example.code.startsWith(`${namespace}.${name}(`)) continue;
        const made = new Function("optim", "schedules", `return ${example.code}`)(optim, schedules);
        for (const { name: option, standard } of members) {
          // What an example gives is no default, what has no effect in it is left out, and some defaults are words.
          if (
            standard === undefined ||
            made.options[option] === undefined ||
            new RegExp(`\\b${option}:`).test(example.code) ||
            !/^([\d.e+-]+|true|false|"\w+")$/.test(standard)
          )
            continue;
          expect(made.options[option], `${namespace}.${name}: ${option}`).toBe(JSON.parse(standard));
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(100);
  });

  it.each([
    ["Decay of the mean. Default 0.9.", "0.9", "Decay of the mean."],
    ["Updates of warm-up, default 0.", "0", "Updates of warm-up."],
    ["Default 0: no velocity is kept.", "0", "Default 0: no velocity is kept."],
    ["The rule (`original`, default), or another.", '"original"', "The rule (`original`, default), or another."],
    ['"min" (default) or "max".', '"min"', '"min" (default) or "max".'],
    ["Factors. Default (¼, √½), (½, 1).", "(¼, √½), (½, 1)", "Factors."],
    ["Default: the size.", "the size", ""],
    ["Of the run.", undefined, "Of the run."],
  ])("have their default read from %s", (text, standard, meaning) => {
    expect(defaultOf(text)).toEqual({ standard, meaning });
  });
});
