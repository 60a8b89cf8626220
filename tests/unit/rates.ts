/**
 * Published schedules at some updates: [t…] and [rate…], rounded to nine digits, evaluated in f64 by independent implementations of the named
 * sources, which agree with the authors' code to 1e-10.
 */
import {
  cooldown,
  cosine,
  cyclic,
  infinite,
  linear,
  meta,
  oneCycle,
  rewarm,
  rex,
  type Schedule,
  sgdr,
  sigmoid,
} from "../../src/optim/schedules.ts";

const ramp = { peak: 3e-4, final: 3e-5, warmup: 10, total: 100, warmupOffset: 0 } as const;
const stages = [
  { start: 0, length: 100, peak: 3e-4 },
  { start: 100, length: 80, peak: 3e-4 },
  { start: 180, length: 60, peak: 1.5e-4 },
];
const again = { stages, warmupFraction: 0.05, finalRatio: 0.1, warmupOffset: 0 } as const;
const phases = { warmup: 10, cooldown: 600, constantSteps: 250, anneal: 140 };
const open = { peak: 3e-4, constant: 1.65e-4, final: 3e-5, ...phases, warmupOffset: 0 } as const;
const trunk = { peak: 1, warmup: 100, total: 1000, fraction: 0.2, initDivisor: 100, warmupOffset: 0 } as const;
const wave = { low: 0.001, peak: 0.006, up: 20, down: 20 };
const tasks = { peak: 1e-5, taskSteps: 100 };

/** [source, schedule, t, rates]. */
export const published: readonly (readonly [string, Schedule, readonly number[], readonly number[]])[] = [
  [
    "GPT-NeoX learning_rates.py",
    cosine({ ...ramp, warmupOffset: "neox" }),
    [0, 1, 5, 9, 10, 11, 50, 55, 99, 100],
    [3e-5, 3e-5, 0.00015, 0.00027, 0.0003, 0.000299917762, 0.000188442504, 0.000165, 3.00822384e-5, 3e-5],
  ],
  ["GPT-NeoX, branch infinite_lr", cosine(ramp), [0, 1, 2, 10], [0, 3e-5, 6e-5, 0.0003]],
  [
    "Hugging Face get_cosine_schedule_with_warmup",
    cosine(ramp),
    [0, 1, 5, 9, 10, 11, 50, 55, 99, 100],
    [0, 3e-5, 0.00015, 0.00027, 0.0003, 0.000299917762, 0.000188442504, 0.000165, 3.00822384e-5, 3e-5],
  ],
  [
    "optax warmup_cosine_decay_schedule",
    cosine(ramp),
    [0, 1, 5, 9, 10, 11, 50, 55, 99, 100, 120],
    [0, 3e-5, 0.00015, 0.00027, 0.0003, 0.000299917762, 0.000188442504, 0.000165, 3.00822384e-5, 3e-5, 3e-5],
  ],
  [
    "Ibrahim et al. 2024, from zero",
    rewarm({ ...again, from: "zero" }),
    [0, 1, 5, 50, 99, 100, 101, 104, 140, 179, 180, 183, 200, 239],
    [
      0, 6e-5, 0.0003, 0.000176148212, 3.00738103e-5, 0, 7.5e-5, 0.0003, 0.000176148212, 3.01153226e-5, 0, 0.00015, 0.00012247588,
      1.51024976e-5,
    ],
  ],
  [
    "Ibrahim et al. 2024, from the final rate",
    rewarm({ ...again, from: "final" }),
    [0, 1, 5, 50, 99, 100, 101, 104, 140, 179, 180, 183, 200, 239],
    [
      0, 6e-5, 0.0003, 0.000176148212, 3.00738103e-5, 3e-5, 9.75e-5, 0.0003, 0.000176148212, 3.01153226e-5, 1.5e-5, 0.00015, 0.00012247588,
      1.51024976e-5,
    ],
  ],
  [
    "GPT-NeoX infinite_cosine",
    infinite(open),
    [0, 1, 10, 11, 100, 310, 610, 611, 800, 860, 861, 900, 999, 1000],
    [
      0, 3e-5, 0.0003, 0.000299999075, 0.00029264294, 0.0002325, 0.000165, 0.000165, 0.000165, 0.000165, 0.000163003016, 0.000101379874,
      3.03675363e-5, 3e-5,
    ],
  ],
  [
    "GPT-NeoX infinite_inv_sqrt",
    infinite({ ...open, style: "inverseSqrt", timescale: 10 }),
    [0, 1, 10, 11, 100, 310, 610, 611, 800, 860, 861, 900, 999, 1000],
    [
      0, 3e-5, 0.0003, 0.000298409237, 0.000228963051, 0.000185629523, 0.000165, 0.000165, 0.000165, 0.000165, 0.000163003016,
      0.000101379874, 3.03675363e-5, 3e-5,
    ],
  ],
  [
    "epfml schedules-and-scaling, linear",
    cooldown(trunk),
    [0, 1, 50, 99, 100, 500, 799, 800, 801, 850, 900, 999, 1000],
    [0.01, 0.0199, 0.505, 0.9901, 1, 1, 1, 1, 0.995, 0.75, 0.5, 0.005, 0],
  ],
  [
    "epfml schedules-and-scaling, 1 - sqrt",
    cooldown({ ...trunk, shape: "sqrt" }),
    [0, 1, 50, 99, 100, 500, 799, 800, 801, 850, 900, 999, 1000],
    [0.01, 0.0199, 0.505, 0.9901, 1, 1, 1, 1, 0.929289322, 0.5, 0.292893219, 0.00250313284, 0],
  ],
  [
    "epfml schedules-and-scaling, cosine",
    cooldown({ ...trunk, shape: "cosine" }),
    [0, 1, 50, 99, 100, 500, 799, 800, 801, 850, 900, 999, 1000],
    [0.01, 0.0199, 0.505, 0.9901, 1, 1, 1, 1, 0.999938316, 0.853553391, 0.5, 6.16837592e-5, 0],
  ],
  ["Defazio et al. 2023", linear({ peak: 1, total: 100 }), [0, 1, 50, 99, 100], [1, 0.99, 0.5, 0.01, 0]],
  [
    "REX",
    rex({ peak: 1, total: 100 }),
    [0, 1, 25, 50, 75, 90, 99, 100],
    [1, 0.994974874, 0.857142857, 0.666666667, 0.4, 0.181818182, 0.0198019802, 0],
  ],
  [
    "torch CosineAnnealingWarmRestarts",
    sgdr({ peak: 0.05, period: 10, growth: 2 }),
    [0, 1, 5, 9, 10, 11, 20, 29, 30, 50, 69, 70],
    [0.05, 0.0487764129, 0.025, 0.00122358709, 0.05, 0.0496922085, 0.025, 0.000307791485, 0.05, 0.025, 7.70666567e-5, 0.05],
  ],
  [
    "torch CyclicLR, triangular",
    cyclic(wave),
    [0, 1, 10, 20, 30, 40, 50, 60, 100],
    [0.001, 0.00125, 0.0035, 0.006, 0.0035, 0.001, 0.0035, 0.006, 0.006],
  ],
  [
    "torch CyclicLR, triangular2",
    cyclic({ ...wave, mode: "triangular2" }),
    [0, 1, 10, 20, 30, 40, 50, 60, 100],
    [0.001, 0.00125, 0.0035, 0.006, 0.0035, 0.001, 0.00225, 0.0035, 0.00225],
  ],
  [
    "torch OneCycleLR",
    oneCycle({ peak: 0.1, total: 100 }),
    [0, 1, 15, 28, 29, 30, 50, 64, 90, 98, 99],
    [0.004, 0.00428137806, 0.0545986676, 0.0997186219, 0.1, 0.0999496535, 0.0793893451, 0.0500002, 0.00402399528, 5.07464715e-5, 4e-7],
  ],
  [
    "FoMo-in-Flux, cosine",
    meta(tasks),
    [0, 4, 9, 10, 11, 50, 89, 90, 95, 99, 100, 105, 109, 110, 150, 190, 199, 200, 210, 250, 299],
    [
      1e-6, 5e-6, 1e-5, 9.99695718e-6, 9.98783243e-6, 5.70016964e-6, 3.11235359e-7, 2.54472701e-7, 5.86109966e-8, 1e-8, 1e-6, 6e-6, 1e-5,
      9.99695718e-6, 5.70016964e-6, 2.54472701e-7, 1e-8, 1e-6, 9.99695718e-6, 5.70016964e-6, 1e-8,
    ],
  ],
  [
    "FoMo-in-Flux, cosine, autoregressive",
    meta({ ...tasks, recovery: "autoregressive" }),
    [0, 4, 9, 10, 11, 50, 89, 90, 95, 99, 100, 105, 109, 110, 150, 190, 199, 200, 210, 250, 299],
    [
      1e-6, 5e-6, 1e-5, 9.99695718e-6, 9.98783243e-6, 5.70016964e-6, 3.11235359e-7, 2.54472701e-7, 5.86109966e-8, 1e-8, 4.91782523e-7,
      2.95069514e-6, 4.91782523e-6, 4.91633037e-6, 2.80543124e-6, 1.30103032e-7, 1e-8, 2.45733726e-7, 2.45659184e-6, 1.40397039e-6, 1e-8,
    ],
  ],
  [
    "FoMo-in-Flux, rsqrt",
    meta({ ...tasks, style: "rsqrt" }),
    [0, 4, 9, 10, 11, 50, 89, 90, 95, 99, 100, 105, 109, 110, 150, 190, 199, 200, 210, 250, 299],
    [
      1e-6, 5e-6, 1e-5, 1e-5, 9.53509127e-6, 4.47766382e-6, 3.35865561e-6, 3.006e-6, 1.3004736e-6, 0, 1e-6, 6e-6, 1e-5, 1e-5, 4.47766382e-6,
      3.006e-6, 0, 1e-6, 1e-5, 4.47766382e-6, 0,
    ],
  ],
  [
    "FoMo-in-Flux, rsqrt, autoregressive",
    meta({ ...tasks, style: "rsqrt", recovery: "autoregressive" }),
    [0, 4, 9, 10, 11, 50, 89, 90, 95, 99, 100, 105, 109, 110, 150, 190, 199, 200, 210, 250, 299],
    [
      1e-6, 5e-6, 1e-5, 1e-5, 9.53509127e-6, 4.47766382e-6, 3.35865561e-6, 3.006e-6, 1.3004736e-6, 0, 4.26975031e-7, 2.56185019e-6,
      4.26975031e-6, 4.26975031e-6, 1.91501825e-6, 1.28692509e-6, 0, 3.78586509e-7, 3.78586509e-6, 1.6986182e-6, 0,
    ],
  ],
  [
    "FoMo-in-Flux, rsqrt, continued",
    meta({ ...tasks, style: "rsqrt", recovery: "continued" }),
    [0, 4, 9, 10, 11, 50, 89, 90, 95, 99, 100, 105, 109, 110, 150, 190, 199, 200, 210, 250, 299],
    [
      1e-6, 5e-6, 1e-5, 1e-5, 9.53509127e-6, 4.47766382e-6, 3.35865561e-6, 3.006e-6, 1.3004736e-6, 0, 3.34e-7, 2.004e-6, 3.34e-6, 3.34e-6,
      1.49922127e-6, 1.008e-6, 0, 2.43293089e-7, 2.43293089e-6, 1.09356764e-6, 0,
    ],
  ],
  [
    "TVLARS",
    sigmoid({ steepness: 1e-3, delay: -1 }),
    [0, 1, 100, 1000, 5000],
    [0.908264801, 0.907439368, 0.828997234, 0.354484041, 0.00672668455],
  ],
];
