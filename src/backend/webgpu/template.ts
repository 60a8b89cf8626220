/** Shader templates: each `.wgsl` file compiles alone, and some of its declarations are holes whose bodies a kernel brings along. */
import { shaders } from "./shaders.generated.ts";

const fragments: readonly { readonly uses: RegExp; readonly text: string }[] = [
  { uses: /\bfrom_bits\(/, text: "fn from_bits(bits: u32) -> f32 {\nreturn bitcast<f32>(bits);\n}\n" },
  { uses: /\bbyte_of\(/, text: "fn byte_of(word: u32, at: u32) -> u32 {\nreturn (word >> ((at & 3u) * 8u)) & 255u;\n}\n" },
  { uses: /\brandom_bits\(/, text: shaders.random },
  { uses: /\bp_(exp|log|tanh|sin|cos)\(/, text: shaders.math },
];

/**
 * Returns a shader whose declarations named in `bodies` (functions or structs) have those bodies, with the functions that they call
 * put before it.
 */
export function fillTemplate(name: keyof typeof shaders, bodies: Readonly<Record<string, string>>): string {
  let text: string = shaders[name];
  for (const [hole, body] of Object.entries(bodies)) {
    const [start, end] = findBody(text, hole);
    text = `${text.slice(0, start)}\n${body}\n${text.slice(end)}`;
  }
  const written = Object.values(bodies).join("\n");
  return fragments.flatMap((fragment) => (fragment.uses.test(written) ? [fragment.text] : [])).join("") + text;
}

/** Returns where the text between the braces of a declaration starts and ends. */
function findBody(text: string, name: string): [start: number, end: number] {
  const start = text.indexOf("{", text.search(new RegExp(`\\b(fn|struct)\\s+${name}\\b`))) + 1;
  let open = 1;
  let end = start;
  for (; open > 0; end++) open += text[end] === "{" ? 1 : text[end] === "}" ? -1 : 0;
  return [start, end - 1];
}
