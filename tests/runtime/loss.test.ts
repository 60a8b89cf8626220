import {
  detectors,
  Learner,
  type LearnerEvents,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type RuntimeEvent,
  schedules,
  strategies,
} from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import { findGpu } from "../env.ts";
import { type Call, type FaultyGpu, faultyGpu, type Manner } from "./faultygpu.ts";

const ROWS = 4;
const INPUTS = 6;
const STEPS = 8;

const plain: LearnerOptions = {
  model: nn.sequential(nn.linear(5), nn.relu(), nn.dropout(0.2), nn.classifier({ capacity: 3 })),
  input: [INPUTS],
  optimizer: optim.adamw(),
  schedule: schedules.cooldown({ peak: 0.02, start: "mark", length: 4 }),
  memory: memory.reservoir({ capacity: 12 }),
  strategies: [strategies.replay({ batchSize: 3 })],
  seed: 11,
};

function batchAt(step: number) {
  const draw = new RandomStream(9, `rows ${step}`);
  return {
    x: Float32Array.from({ length: ROWS * INPUTS }, () => 2 * draw.uniform() - 1),
    y: Array.from({ length: ROWS }, () => draw.below(3)),
    id: Array.from({ length: ROWS }, (_, row) => ROWS * step + row),
  };
}
const asked = Float32Array.from({ length: 2 * INPUTS }, (_, i) => Math.sin(i));

/** What a run ends with. */
interface Ended {
  readonly losses: number[];
  readonly probabilities: Float32Array[];
  readonly hash: string;
  readonly recovered: LearnerEvents["recovered"][];
}

/** Learns, asks, changes and saves; `before` is called before each call of the learner, with its name. */
async function live(
  runtime: Runtime,
  before: (call: string, step: number) => void = () => {},
  options: LearnerOptions = plain,
): Promise<Ended> {
  const recovered: LearnerEvents["recovered"][] = [];
  before("create", 0);
  const learner = await Learner.create(runtime, options);
  learner.on("recovered", (event) => recovered.push(event));
  const losses: number[] = [];
  const probabilities: Float32Array[] = [];
  for (let step = 0; step < STEPS; step++) {
    before("observe", step);
    losses.push((await learner.observe(batchAt(step))).loss);
    before("predict", step);
    if (step % 3 === 1) probabilities.push((await learner.predict(asked)).probabilities);
    if (step === 2) learner.set("weightDecay", 0.1);
    if (step === 3) await learner.mark("cooldown");
    before("checkpoint", step);
    if (step === 4) await learner.checkpoint();
    before("forget", step);
    if (step === 5) await learner.forget([3, 9, 14]);
    before("consolidate", step);
    if (step === 6 && options !== plain) await learner.consolidate();
  }
  const hash = await learner.stateHash();
  await learner.close();
  return { losses, probabilities, hash, recovered };
}

const real = await findGpu();
const everything = typeof process !== "undefined" && process.env?.TORTURE === "full";
const required = typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis);
if (real === undefined && required) throw new Error("this runtime has no WebGPU");

describe.skipIf(real === undefined)("a GPU device that is lost", () => {
  let expected: Ended;
  const open = async (onEvent?: (event: RuntimeEvent) => void): Promise<{ faulty: FaultyGpu; runtime: Runtime }> => {
    const faulty = faultyGpu(real as GPU);
    return { faulty, runtime: await openRuntime({ backend: "webgpu", gpu: faulty.gpu, ...(onEvent && { onEvent }) }) };
  };
  beforeAll(async () => {
    const { runtime } = await open();
    expected = await live(runtime);
    runtime.close();
  });

  /** What a device is lost in: the call of the learner, the call of the device, and which of these. */
  const phases: [phase: string, call: string, step: number, of: Call, count: number][] = [
    ["the first upload", "create", 0, "writeBuffer", 1],
    ["compiling", "create", 0, "createComputePipelineAsync", 2],
    ["an upload", "observe", 3, "writeBuffer", 2],
    ["the forward pass", "observe", 1, "dispatchWorkgroups", 1],
    ["the backward pass", "observe", 4, "dispatchWorkgroups", 7],
    ["the update", "observe", 6, "dispatchWorkgroups", 13],
    ["a submit", "observe", 2, "submit", 1],
    ["the read-back", "observe", 5, "mapAsync", 1],
    ["the last read-back", "observe", 7, "mapAsync", 1],
    ["an answer", "predict", 4, "mapAsync", 1],
    ["a checkpoint", "checkpoint", 4, "mapAsync", 2],
    ["forgetting", "forget", 5, "submit", 2],
  ];
  const manners: Manner[] = ["destroy", "unknown", "silent"];
  // Each phase at one step in one manner; where everything is to be tried, at each step in all of them.
  const steps = (call: string, step: number): number[] => (everything && call === "observe" ? [...Array(STEPS).keys()] : [step]);
  const tried = phases.flatMap(([phase, call, step, of, count], i) =>
    (everything ? manners : [manners[i % 3] as Manner]).flatMap((manner) =>
      steps(call, step).map((at) => [phase, at, manner, { call, of, count }] as const),
    ),
  );
  it.each(tried)("in %s at step %i (%s) changes nothing that the caller sees", async (_, step, manner, { call, of, count }) => {
    const events: RuntimeEvent[] = [];
    const { faulty, runtime } = await open((event) => events.push(event));
    const ended = await live(runtime, (name, now) => {
      if (name === call && now === step) faulty.arm(of, count, manner);
    });
    expect(faulty.fired(), "the device was lost").toBe(true);
    expect(faulty.devices()).toBe(2);
    expect(ended.losses).toEqual(expected.losses);
    expect(ended.probabilities).toEqual(expected.probabilities);
    expect(ended.hash).toBe(expected.hash);
    if (call !== "create") expect(ended.recovered).toEqual([expect.objectContaining({ backend: "webgpu" })]);
    expect(events.filter(({ message }) => message.includes("was lost; ")).length).toBe(1);
    expect(runtime.info.backend).toBe("webgpu");
    runtime.close();
  });

  let undisturbed: Ended | undefined;
  /** Columns, what is kept, edits, a head, a fold, and a phase of several pieces. */
  const hooked: LearnerOptions = {
    ...plain,
    strategies: [
      strategies.der({ batchSize: 3 }),
      strategies.ewc({ rows: 24, lambda: 5 }),
      strategies.ema({ decay: 0.5 }),
      strategies.detect({ detector: detectors.adwin(), boundary: false }),
    ],
  };
  it.each([
    ["observe", 4, "dispatchWorkgroups", 9],
    ["consolidate", 6, "mapAsync", 11],
  ] as const)("in %s at step %i with strategies at work changes nothing that the caller sees", async (call, step, of, count) => {
    const { faulty, runtime } = await open();
    undisturbed ??= await live(runtime, () => {}, hooked);
    const ended = await live(
      runtime,
      (name, now) => {
        if (name === call && now === step) faulty.arm(of, count, "destroy");
      },
      hooked,
    );
    expect(faulty.fired(), "the device was lost").toBe(true);
    expect([ended.losses, ended.probabilities, ended.hash]).toEqual([undisturbed.losses, undisturbed.probabilities, undisturbed.hash]);
    runtime.close();
  });

  it("three times within a minute leaves the work to Wasm, told once, and learning goes on to the same losses within 1e-3", async () => {
    const events: RuntimeEvent[] = [];
    const { faulty, runtime } = await open((event) => events.push(event));
    const ended = await live(runtime, (name, step) => {
      if (name === "observe" && [1, 3, 5].includes(step)) faulty.arm("submit", 1, "destroy");
    });
    expect(ended.recovered.map(({ backend }) => backend)).toEqual(["webgpu", "webgpu", "wasm"]);
    expect(runtime.info).toMatchObject({ backend: "wasm", reason: expect.stringMatching(/3 devices were lost within a minute/) });
    expect(events.filter(({ message }) => message.includes("Wasm computes from now on")).length).toBe(1);
    for (const [i, loss] of ended.losses.entries()) expect(Math.abs(loss - (expected.losses[i] as number))).toBeLessThan(1e-3);
    expect(faulty.devices()).toBe(3);
    runtime.close();
  });

  it("while an answer and a step are under way loses neither", async () => {
    const { faulty, runtime } = await open();
    const [one, other] = await Promise.all([Learner.create(runtime, plain), Learner.create(runtime, plain)]);
    for (let step = 0; step < STEPS; step++) {
      if (step === 2 || step === 5) faulty.arm("mapAsync", 1 + (step % 2), "destroy");
      const [a, b, answer] = await Promise.all([one.observe(batchAt(step)), other.observe(batchAt(step)), one.predict(asked)]);
      expect([a.loss, b.loss]).toEqual([expected.losses[step], expected.losses[step]]);
      expect(answer.probabilities.every(Number.isFinite)).toBe(true);
      for (const learner of [one, other]) {
        if (step === 2) learner.set("weightDecay", 0.1);
        if (step === 3) await learner.mark("cooldown");
        if (step === 5) await learner.forget([3, 9, 14]);
      }
    }
    expect(faulty.devices()).toBe(3);
    expect(await one.stateHash()).toBe(expected.hash);
    expect(await other.stateHash()).toBe(expected.hash);
    runtime.close();
  });
});
