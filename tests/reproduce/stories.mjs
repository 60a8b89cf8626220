/** A small Llama trained elsewhere tells its story: greedy decoding in our layers, and the same logits on Wasm and WebGPU. */
import { nn, openRuntime } from "palimpsest";
import { bytesOf, tensors } from "./data.mjs";

const CONTEXT = 128;
const EXPECTED = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";

/** @param {Record<string, {shape: readonly number[], data: Float32Array}>} constants @param {ReturnType<typeof nn.define>} model @param {"wasm" | "webgpu"} backend */
async function open(model, constants, backend) {
  const runtime = await openRuntime({ backend });
  const forward = await runtime.compile(
    ({ x, ...kept }, graph) => ({ logits: model.apply(graph, /** @type {any} */ (x), kept) }),
    { x: { shape: [1, CONTEXT], dtype: "u32" } },
    { constants },
  );
  return {
    runtime,
    logits: async (/** @type {number[]} */ tokens) =>
      (await forward.run({ x: Uint32Array.from({ length: CONTEXT }, (_, i) => tokens[i] ?? 0) })).logits,
  };
}

export async function run({ log = console.log } = {}) {
  const block = nn.transformerBlock({
    heads: 8,
    keyValueHeads: 4,
    causal: true,
    rope: true,
    bias: false,
    norm: "rms",
    feedForward: "swiglu",
    hidden: 172,
  });
  const model = nn.define(
    nn.sequential(nn.embedding(512, 64), ...Array(5).fill(block), nn.rmsNorm(), nn.linear(512, { bias: false, tie: "0.weight" })),
    [CONTEXT],
  );
  /** @type {Record<string, string>} */
  const names = {
    "attentionNorm.weight": "attention_norm.weight",
    "attention.query.weight": "attention.wq.weight",
    "attention.key.weight": "attention.wk.weight",
    "attention.value.weight": "attention.wv.weight",
    "attention.output.weight": "attention.wo.weight",
    "feedForwardNorm.weight": "ffn_norm.weight",
    "feedForward.gate.weight": "feed_forward.w1.weight",
    "feedForward.down.weight": "feed_forward.w2.weight",
    "feedForward.up.weight": "feed_forward.w3.weight",
  };
  const weights = nn.loadWeights(model.shapes, await tensors("stories260K.safetensors"), {
    map(path, shape) {
      const [position, ...rest] = path.split(".");
      const layer = Number(position);
      if (layer === 0) return "tok_embeddings.weight";
      if (layer === 6) return "norm.weight";
      const name = `layers.${layer - 1}.${names[rest.join(".")]}`;
      return shape.length === 2 ? { name, permute: [1, 0] } : name;
    },
  });
  const constants = Object.fromEntries(
    [...model.shapes].map(([path, shape]) => [path, { shape, data: /** @type {Float32Array} */ (weights.get(path)) }]),
  );
  const vocabulary = readVocabulary(await bytesOf("models", "tok512.bin"));
  const wasm = await open(model, constants, "wasm");
  const tokens = [1];
  let text = "";
  while (tokens.length < CONTEXT) {
    const logits = /** @type {Float32Array} */ (await wasm.logits(tokens)).subarray(512 * (tokens.length - 1), 512 * tokens.length);
    const next = logits.indexOf(Math.max(...logits));
    if (next <= 2) break;
    tokens.push(next);
    text += vocabulary[next];
  }
  log(`stories260K: "${text.trim()}"`);
  const told = text.trim().startsWith(EXPECTED);
  if (!told) log(`expected it to begin "${EXPECTED}"`);

  const gpu = await open(model, constants, "webgpu").catch((error) => log(`WebGPU left out: ${error.message}`));
  let apart = 0;
  if (gpu !== undefined) {
    const [a, b] = [await wasm.logits(tokens), await gpu.logits(tokens)];
    for (let i = 0; i < 512 * tokens.length; i++) apart = Math.max(apart, Math.abs(Number(a?.[i]) - Number(b?.[i])));
    log(`logits on WebGPU (${gpu.runtime.info.adapter?.name}) differ from Wasm by at most ${apart.toExponential(1)}`);
    gpu.runtime.close();
  }
  wasm.runtime.close();
  return told && apart < 2e-3;
}

/** The tokens of a llama2.c tokenizer file. @param {Uint8Array} bytes */
function readVocabulary(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = [];
  for (let at = 4; at < bytes.length; ) {
    const length = view.getInt32(at + 4, true);
    const word = new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length));
    words.push(/^<0x[0-9A-F]{2}>$/.test(word) ? String.fromCharCode(Number.parseInt(word.slice(3, 5), 16)) : word);
    at += 8 + length;
  }
  return words;
}
