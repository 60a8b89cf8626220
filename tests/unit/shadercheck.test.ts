import { describe, expect, it } from "vitest";
import { minifyShader } from "../../.config/minify.mjs";
import { checkShaders, type Interface } from "../../.config/shadercheck.mjs";

const scale = `
override width: u32 = 64;
struct Range { offset: u32, count: u32 }
struct Params { factor: f32, ranges: array<vec4<u32>, 2>, range: Range }
struct Local { value: f32 }
@group(0) @binding(0) var<storage, read_write> state: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;
fn scaled(i: u32) -> Local { return Local(params.factor * rows[i].x); }
@compute @workgroup_size(width)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { state[id.x] = scaled(id.x).value; }
`;
const contract: Interface = {
  bindings: [
    { group: 0, binding: 0, name: "state", access: "read_write", type: "array<f32>" },
    { group: 0, binding: 1, name: "rows", access: "read", type: "array<vec4f>" },
    { group: 1, binding: 0, name: "params", access: "uniform", type: "Params" },
  ],
  overrides: ["width"],
  workgroupSize: ["width"],
  // By hand from the layout rules of WGSL: vec4 aligns to 16, so the array starts at 16 and the struct ends at a multiple of 16.
  structs: {
    Params: {
      size: 64,
      members: [
        ["factor", "f32", 0],
        ["ranges", "array<vec4<u32>, 2>", 16],
        ["range", "Range", 48],
      ],
    },
    Range: {
      size: 8,
      members: [
        ["offset", "u32", 0],
        ["count", "u32", 4],
      ],
    },
  },
};
const library = "fn twice(x: f32) -> f32 { return 2.0 * x; }";
const nothing: Interface = { bindings: [], overrides: [], workgroupSize: [], structs: {} };

/** Returns what is said of the shader `scale` after one change to its text. */
function broken(from: string, to: string): string[] {
  expect(scale).toContain(from);
  return checkShaders({ scale: scale.replace(from, to) }, { scale: contract });
}

describe("the check of shaders", () => {
  it("passes shaders that are as the executor binds them", () => {
    expect(checkShaders({ scale, library }, { scale: contract, library: nothing })).toEqual([]);
    expect(checkShaders({ scale: minifyShader(scale) }, { scale: contract })).toEqual([]);
  });

  it.each<[string, string, string, string]>([
    [
      "access",
      "storage, read>",
      "storage, read_write>",
      "@group(0) @binding(1) differs; expected rows: read array<vec4f>, got rows: read_write array<vec4f>",
    ],
    [
      "element type",
      "array<vec4<f32>>",
      "array<vec2<f32>>",
      "@group(0) @binding(1) differs; expected rows: read array<vec4f>, got rows: read array<vec2f>",
    ],
    [
      "name",
      "> state:",
      "> other:",
      "@group(0) @binding(0) differs; expected state: read_write array<f32>, got other: read_write array<f32>",
    ],
    ["overrides", "width: u32", "length: u32", "the list of overrides differs; expected [width], got [length]"],
    ["workgroup size", "size(width)", "size(8, 8)", "the workgroup size of main differs; expected width x 1 x 1, got 8 x 8 x 1"],
    [
      "nested struct",
      "offset: u32,",
      "offset: f32,",
      "struct Range differs; expected 8 bytes { 0 offset: u32, 4 count: u32 }, got 8 bytes { 0 offset: f32, 4 count: u32 }",
    ],
    [
      "order of members",
      "offset: u32, count: u32",
      "count: u32, offset: u32",
      "struct Range differs; expected 8 bytes { 0 offset: u32, 4 count: u32 }, got 8 bytes { 0 count: u32, 4 offset: u32 }",
    ],
  ])("names the file and the difference in %s", (_what, from, to, difference) => {
    expect(broken(from, to)).toEqual([`shaders/scale.wgsl: ${difference}`]);
  });

  it("names a binding that moved, where it was and where it is", () => {
    expect(broken("@group(1) @binding(0)", "@group(0) @binding(2)")).toEqual([
      "shaders/scale.wgsl: @group(0) @binding(2) differs; expected none, got params: uniform Params",
      "shaders/scale.wgsl: @group(1) @binding(0) differs; expected params: uniform Params, got none",
    ]);
  });

  it("sees a change of layout that keeps the size", () => {
    const [difference] = broken("factor: f32, ranges", "factor: f32, bias: f32, ranges");
    expect(difference).toMatch(/^shaders\/scale\.wgsl: struct Params differs; .*, got 64 bytes \{ 0 factor: f32, 4 bias: f32, /);
  });

  it("names a shader that cannot be parsed", () => {
    expect(broken("var<uniform> params: Params;", "var<uniform> params: ;")).toEqual([
      expect.stringMatching(/^shaders\/scale\.wgsl: it cannot be parsed; /),
    ]);
  });

  it("wants a shader for each contract and a contract for each shader", () => {
    expect(checkShaders({ extra: library }, { lost: nothing })).toEqual([
      'shaders/extra.wgsl: the contract does not speak of it; expected an entry "extra", got none',
      "shaders/lost.wgsl: the contract speaks of it; expected a file, got none",
    ]);
  });

  it("wants no entry point where the contract has none", () => {
    const shader = `${library}\n@compute @workgroup_size(64) fn main() {}`;
    expect(checkShaders({ library: shader }, { library: nothing })).toEqual([
      "shaders/library.wgsl: the workgroup size of main differs; expected no entry point, got 64 x 1 x 1",
    ]);
    expect(checkShaders({ library }, { library: { ...nothing, workgroupSize: [64] } })).toEqual([
      "shaders/library.wgsl: the workgroup size differs; expected 64 x 1 x 1, got no entry point",
    ]);
  });
});

describe("minified shaders", () => {
  it.each<[string, string, string]>([
    ["line comments", "a // b\n+ c", "a + c"],
    ["block comments, nested", "a/* b /* c */ d */+ e", "a + e"],
    ["a block comment after a line comment's slashes", "a // /* b\n c", "a c"],
    ["a line comment inside a block comment", "a /* // */ b", "a b"],
    ["blanks at brackets and separators", "fn f( x : u32 , y: u32 ) {\n  g [ 0 ] ;\n}", "fn f(x:u32,y:u32){g[0];}"],
    ["but not operators that would become others", "a - -b / *p & &q", "a - -b / *p & &q"],
  ])("lose %s", (_what, source, expected) => {
    expect(minifyShader(source)).toBe(expected);
  });
});
