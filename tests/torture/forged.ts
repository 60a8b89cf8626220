/** Learners whose files were forged, every digest right: each is refused in this package's words, or is a learner. */
import { PalimpsestError } from "../../src/errors.ts";
import {
  type Batch,
  controllers,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  schedules,
  stores,
  strategies,
} from "../../src/index.ts";
import { encodeOperation } from "../../src/learner/journal.ts";
import { RandomStream } from "../../src/random.ts";
import { openLog } from "../../src/store/open.ts";
import { readSafetensors, writeSafetensors } from "../../src/store/safetensors.ts";
import type { Spoiled } from "./files.ts";
import { changedJson, pick } from "./mutate.ts";
import { signed } from "./slow.ts";

const batch: Batch = { x: Float32Array.of(1, 2, 3, 4, 4, 3, 2, 1), y: [0, 1], id: [5, 6] };

const learners: readonly LearnerOptions[] = [
  {
    model: nn.sequential(nn.linear(4), nn.batchNorm(), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
    input: [4],
    optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 1 }), optim.adamw({ weightDecay: 0.1 })),
    schedule: schedules.infinite({ peak: 1e-3, constant: 3e-4, final: 1e-5, warmup: 10, cooldown: 20 }),
    memory: memory.classBalanced({ capacity: 8 }),
    strategies: [strategies.replay({ batchSize: 2 })],
    seed: 5,
  },
  {
    model: nn.sequential(nn.gru(3), nn.flatten(), nn.classifier({ capacity: 2 })),
    input: [2, 2],
    optimizer: optim.sgd({ momentum: 0.9 }),
    schedule: controllers.plateau({ rate: 0.1 }),
  },
];

/** Opens `count` learners out of forged files, some with forged records behind a sound one. */
export async function tortureForged(count: number, seed: number): Promise<Spoiled> {
  const result: Spoiled = { tried: 0, accepted: 0, refused: 0, problems: [] };
  const runtime = await openRuntime({ backend: "wasm", threads: 1 });
  const files = await Promise.all(
    learners.map(async (options) => {
      const learner = await Learner.create(runtime, options);
      await learner.observe(batch);
      const bytes = await learner.checkpoint();
      await learner.close();
      return bytes;
    }),
  );
  try {
    for (let i = 0; i < count && result.problems.length < 20; i++) {
      const random = new RandomStream(seed, `forged ${i}`);
      const which = random.below(files.length);
      const store = stores.memory();
      const bytes = files[which] as Uint8Array;
      const what = random.below(3) === 0 ? await withRecords(store, bytes, random) : await withMeta(store, bytes, random);
      result.tried += 1;
      try {
        const learner = await Learner.open(runtime, store);
        await learner.observe(batch).finally(() => learner.close());
        result.accepted += 1;
      } catch (error) {
        result.refused += 1;
        if (!(error instanceof PalimpsestError)) result.problems.push(`${i}: ${what}: ${(error as Error).stack}`);
      }
    }
  } finally {
    runtime.close();
  }
  return result;
}

type Memory = ReturnType<typeof stores.memory>;

async function withMeta(store: Memory, bytes: Uint8Array, random: RandomStream): Promise<string> {
  const { tensors, metadata } = readSafetensors(bytes, "learner");
  const sound = metadata.palimpsest as string;
  const text = random.below(2) === 0 ? changedJson(sound, random) : ofAnotherModel(sound, random);
  await store.write(signed(writeSafetensors(tensors, { palimpsest: text })));
  return text.length > 5000 ? `${text.slice(0, 5000)}…` : text;
}

/** Returns metadata whose model or input was changed, and its name with it. */
function ofAnotherModel(text: string, random: RandomStream): string {
  const content = JSON.parse(text);
  const { model, input } = content.config;
  try {
    const changed = JSON.parse(changedJson(JSON.stringify({ model, input }), random));
    return JSON.stringify({ ...content, config: { ...content.config, ...changed }, model: JSON.stringify(changed) });
  } catch {
    return changedJson(text, random);
  }
}

async function withRecords(store: Memory, bytes: Uint8Array, random: RandomStream): Promise<string> {
  const { tensors, metadata } = readSafetensors(bytes, "learner");
  const text = (metadata.palimpsest as string).replace('"seed":', '"durability":"relaxed","seed":');
  await store.write(signed(writeSafetensors(tensors, { palimpsest: text })));
  const operation = pick(random, [
    { kind: "mark", name: "cooldown" },
    { kind: "set", name: "weightDecay", value: 0.5 },
    { kind: "set", name: "momentum", value: 0.5 },
    { kind: "control", observation: { metric: 0.5 } },
    { kind: "consolidate" },
    { kind: "resetCarry", rows: [0, 1] },
  ] as const);
  const sound = new TextDecoder().decode(encodeOperation(operation)[1]);
  const record = changedJson(sound, random);
  const log = await openLog(await (store.open as NonNullable<typeof store.open>)("write"));
  await log.append(Uint8Array.of(2), new TextEncoder().encode(record));
  await log.close();
  return record.slice(0, 5000);
}
