/**
 * Compares what shaders declare with what the executor binds.
 *
 * @typedef {{ group: number, binding: number, name: string, access: "read" | "read_write" | "uniform", type: string }} Binding
 * @typedef {{ size: number, members: readonly (readonly [name: string, type: string, offset: number])[] }} Layout
 * @typedef {object} Interface
 * @property {readonly Binding[]} bindings
 * @property {readonly string[]} overrides
 * @property {readonly (number | string)[]} workgroupSize the same for every entry point; empty where there is none
 * @property {Readonly<Record<string, Layout>>} structs those reachable from a binding
 */
// @ts-expect-error the main module, which has the types, exports nothing under Node.
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";

/**
 * Returns one line per difference, each starting with the shader's file; empty when every shader is as its contract says.
 * @param {Readonly<Record<string, string>>} sources shader texts by name
 * @param {Readonly<Record<string, Interface>>} contract
 * @returns {string[]}
 */
export function checkShaders(sources, contract) {
  const names = [...new Set([...Object.keys(sources), ...Object.keys(contract)])].sort();
  return names.flatMap((name) => {
    const source = sources[name];
    const expected = contract[name];
    if (source === undefined) return [`shaders/${name}.wgsl: the contract speaks of it; expected a file, got none`];
    if (expected === undefined) return [`shaders/${name}.wgsl: the contract does not speak of it; expected an entry "${name}", got none`];
    return differences(source, expected).map((difference) => `shaders/${name}.wgsl: ${difference}`);
  });
}

/** @param {string} source @param {Interface} expected @returns {string[]} */
function differences(source, expected) {
  let actual;
  try {
    actual = reflect(source);
  } catch (error) {
    return [`it cannot be parsed; ${error instanceof Error ? error.message : JSON.stringify(error)}`];
  }
  /** @type {string[]} */
  const found = [];
  /** @param {string} what @param {string | undefined} wanted @param {string | undefined} got */
  const compare = (what, wanted, got) => {
    if (wanted !== got) found.push(`${what} differs; expected ${wanted ?? "none"}, got ${got ?? "none"}`);
  };
  const [wantedSlots, slots] = [byPlace(expected.bindings), byPlace(actual.bindings)];
  for (const place of union(wantedSlots, slots)) compare(place, wantedSlots.get(place), slots.get(place));
  const [wantedStructs, structs] = [new Map(Object.entries(expected.structs)), new Map(Object.entries(actual.structs))];
  for (const name of union(wantedStructs, structs)) compare(`struct ${name}`, layout(wantedStructs.get(name)), layout(structs.get(name)));
  compare("the list of overrides", list(expected.overrides), list(actual.overrides));
  if (actual.entries.length === 0) compare("the workgroup size", size(expected.workgroupSize), size([]));
  for (const entry of actual.entries) compare(`the workgroup size of ${entry.name}`, size(expected.workgroupSize), size(entry.size));
  return found;
}

/** @param {string} source */
function reflect(source) {
  const shader = /** @type {import("wgsl_reflect").WgslReflect} */ (new WgslReflect(source));
  /** @type {Record<string, Layout>} */
  const structs = {};
  /** @param {any} type a struct, an array or a scalar type of the reflection */
  const collect = (type) => {
    if (type?.format) collect(type.format);
    if (!type?.isStruct || type.name in structs) return;
    structs[type.name] = { size: type.size, members: type.members.map((/** @type {any} */ m) => [m.name, m.type.getTypeName(), m.offset]) };
    for (const member of type.members) collect(member.type);
  };
  const bindings = [...shader.uniforms, ...shader.storage, ...shader.textures, ...shader.samplers].map((slot) => {
    collect(slot.type);
    const access = /** @type {Binding["access"]} */ (shader.uniforms.includes(slot) ? "uniform" : slot.access);
    return { group: slot.group, binding: slot.binding, name: slot.name, access, type: slot.type.getTypeName() };
  });
  const entries = [...shader.entry.compute, ...shader.entry.vertex, ...shader.entry.fragment].map((entry) => ({
    name: entry.name,
    size: [entry.attributes?.find((attribute) => attribute.name === "workgroup_size")?.value ?? []].flat(),
  }));
  return { bindings, structs, overrides: shader.overrides.map((override) => override.name), entries };
}

/** @param {readonly Binding[]} bindings */
const byPlace = (bindings) =>
  new Map(bindings.map((b) => [`@group(${b.group}) @binding(${b.binding})`, `${b.name}: ${b.access} ${typeName(b.type)}`]));

/** @param {Layout | undefined} struct */
const layout = (struct) =>
  struct && `${struct.size} bytes { ${struct.members.map(([name, type, offset]) => `${offset} ${name}: ${typeName(type)}`).join(", ")} }`;

/** The short spelling without blanks; the reflection writes a runtime-sized array as one of 0 elements. @param {string} type */
const typeName = (type) =>
  type
    .replace(/\s/g, "")
    .replace(/,0>/g, ">")
    .replace(/(vec\d|mat\dx\d)<([fiu])32>/g, "$1$2");

/** @param {readonly string[]} names */
const list = (names) => `[${[...names].sort().join(", ")}]`;

/** A missing dimension is 1. @param {readonly (number | string)[]} dimensions */
const size = (dimensions) => (dimensions.length === 0 ? "no entry point" : [...dimensions, 1, 1].slice(0, 3).join(" x "));

/** @param {Map<string, unknown>[]} maps */
const union = (...maps) => [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
