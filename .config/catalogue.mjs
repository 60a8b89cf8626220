/** Lists what `src/strategy/` offers by its own docstrings: what each strategy or preset is, and the first source it names. */
import { readdir, readFile } from "node:fs/promises";
import ts from "typescript";
import { docOf } from "./docstrings.mjs";

const folder = "src/strategy";

/** Returns the text of the module that lists every exported function that returns a strategy, or several. */
export async function renderCatalogue() {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".ts") && !name.endsWith(".generated.ts")).sort();
  const entries = (await Promise.all(files.map(read))).flat().sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = entries.map(({ name, about, source }) => `  ${name}: ${JSON.stringify({ about, source })},\n`).join("");
  return `export const catalogue: Readonly<Record<string, { readonly about: string; readonly source: string }>> = {\n${lines}};\n`;
}

/** @param {string} file @returns {Promise<{ name: string, about: string, source: string }[]>} */
async function read(file) {
  const source = ts.createSourceFile(file, await readFile(`${folder}/${file}`, "utf8"), ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((node) => {
    const made = ts.isFunctionDeclaration(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!made || !/^Strategy(\[\])?$/.test(node.type?.getText() ?? "") || node.parameters.length !== 1) return [];
    const { text, see } = docOf(node);
    const [first = ""] = text.replace(/^Returns /, "").split(/[:.](?=\s|$)/);
    return [{ name: node.name?.text ?? "", about: first, source: see.split("; ")[0] ?? "" }];
  });
}
