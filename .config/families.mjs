/** The pages of `npm run docs`: which functions stand on each, and what its pictures show. */
import { batching, controllers, planners, schedules, streams } from "palimpsest";
import { scheduleAt } from "../src/testing.ts";

/**
 * @typedef {object} Family
 * @property {string} file without ".md"
 * @property {string} title
 * @property {string} purpose
 * @property {string} namespace
 * @property {Readonly<Record<string, Example | undefined>>} makers in their order; what is drawn of each, as its user writes it
 * @property {Picture} [picture] of the whole family; without `lines`, of the losses that optimizers come to
 */

/** @typedef {{ code: string, rate?: number, options?: import("palimpsest").schedules.PlotOptions }} Example */
/** @typedef {{ title: string, caption: string, unit?: string, step?: number, powers?: boolean, lines?: () => Promise<Record<string, readonly number[]>> }} Picture */

/** What optimizers are compared by. */
const problem = "A network of 3 inputs, 16 hidden units and 2 outputs is fitted to 48 rows, all in each step; rates are tuned by hand.";

const times = (/** @type {number} */ count) => [...Array(count).keys()];

/** @type {readonly Family[]} */
export const families = [
  {
    file: "schedules-decay",
    title: "Schedules that decay once",
    purpose: "For runs whose length is known: a constant rate, or warm-up and one decay to the end.",
    namespace: "schedules",
    makers: {
      constant: { code: "schedules.constant(1e-3)" },
      cosine: { code: "schedules.cosine({ peak: 1e-3, final: 1e-4, warmup: 30, total: 300 })" },
      linear: { code: "schedules.linear({ peak: 1e-3, warmup: 30, total: 300 })" },
      rex: { code: "schedules.rex({ peak: 1e-3, total: 300 })" },
    },
  },
  {
    file: "schedules-trunk",
    title: "Schedules without a horizon",
    purpose: "For streams that may go on: a trunk at a constant rate, from which a copy cools down whenever a model is to be released.",
    namespace: "schedules",
    makers: {
      infinite: {
        code: "schedules.infinite({ peak: 1e-3, constant: 5e-4, final: 1e-5, warmup: 20, cooldown: 80, constantSteps: 120, anneal: 80 })",
      },
      infiniteTasks: { code: "schedules.infiniteTasks({ peak: 1e-3, constantRatio: 0.5, finalRatio: 0.01, tasks: [150, 100, 50] })" },
      cooldown: { code: 'schedules.cooldown({ peak: 1e-3, warmup: 20, total: 300, fraction: 0.3, shape: "sqrt" })' },
    },
  },
  {
    file: "schedules-stages",
    title: "Schedules over stages and tasks",
    purpose: "For data that comes set by set: each stage warms up again and decays again, or its peak follows from what came before.",
    namespace: "schedules",
    makers: {
      rewarm: {
        code: "schedules.rewarm({ stages: [{ start: 0, length: 150, peak: 1e-3 }, { start: 150, length: 150, peak: 5e-4, replayShare: 0.05 }], warmupFraction: 0.1 })",
      },
      replayShareAt: undefined,
      meta: { code: 'schedules.meta({ peak: 1e-3, taskSteps: 75, style: "rsqrt", recovery: "autoregressive" })' },
    },
  },
  {
    file: "schedules-cycles",
    title: "Schedules that come round",
    purpose: "Warm restarts, triangles and the one cycle.",
    namespace: "schedules",
    makers: {
      sgdr: { code: "schedules.sgdr({ peak: 1e-3, period: 40, growth: 2 })" },
      cyclic: { code: 'schedules.cyclic({ low: 1e-4, peak: 1e-3, up: 30, mode: "triangular2" })' },
      oneCycle: { code: "schedules.oneCycle({ peak: 1e-3, total: 300 })" },
    },
  },
  {
    file: "schedules-factors",
    title: "Factors and tables",
    purpose: "Rates by a list of numbers, by a falling sigmoid, and by what a change of the batch asks for.",
    namespace: "schedules",
    makers: {
      sigmoid: { code: "schedules.sigmoid({ rate: 1e-4, steepness: 0.05, delay: 150 })" },
      table: { code: "schedules.table({ rate: 1e-3, values: [0.2, 1, 0.9, 0.5, 0.1, 0], total: 300 })" },
      batchScale: {
        code: 'schedules.scale(schedules.rex({ peak: 1e-3, total: 300 }), schedules.batchScale({ batch: 128, reference: 32, rule: "sqrt" }))',
      },
    },
  },
  {
    file: "schedules-compose",
    title: "Schedules made of schedules",
    purpose: "Schedules one after another, scaled, held within bounds, begun anew by an event, one for each group; and their picture.",
    namespace: "schedules",
    makers: {
      sequence: {
        code: "schedules.sequence([{ until: 100, schedule: schedules.linear({ peak: 1e-3, final: 5e-4, total: 100 }) }, { schedule: schedules.sgdr({ peak: 5e-4, period: 50 }) }])",
      },
      scale: { code: "schedules.scale(schedules.rex({ peak: 1e-3, total: 300 }), 0.5)" },
      clamp: { code: "schedules.clamp(schedules.cosine({ peak: 1e-3, total: 300 }), { min: 2e-4, max: 8e-4 })" },
      restartOn: {
        code: 'schedules.restartOn("boundary", schedules.rex({ peak: 1e-3, total: 200 }))',
        options: { marks: { boundary: 120 } },
      },
      perGroup: {
        code: "schedules.perGroup({ head: schedules.rex({ peak: 1e-3, total: 300 }), rest: 1e-4 })",
        options: { group: "head" },
      },
      plot: undefined,
    },
  },
  {
    file: "optimizers-sgd",
    title: "Gradient descent",
    purpose: "Steps along the gradient or its mean: at most one number kept for each parameter.",
    namespace: "optim",
    makers: {
      sgd: { code: "optim.sgd({ momentum: 0.9 })", rate: 0.05 },
      hypergradientSgd: { code: "optim.hypergradientSgd({ beta: 0.05 })", rate: 0.05 },
      sgdSai: { code: "optim.sgdSai()", rate: 0.05 },
      lion: { code: "optim.lion()", rate: 0.003 },
    },
    picture: { title: "loss under gradient descent", caption: problem },
  },
  {
    file: "optimizers-adam",
    title: "Adaptive steps",
    purpose: "Steps over the root of the mean square of the gradients, parameter by parameter: AdaGrad, Adam and what became of it.",
    namespace: "optim",
    makers: {
      adam: { code: "optim.adam()", rate: 0.02 },
      adamw: { code: "optim.adamw()", rate: 0.02 },
      nadam: { code: "optim.nadam()", rate: 0.02 },
      nadamw: { code: "optim.nadamw()", rate: 0.02 },
      adabelief: { code: "optim.adabelief()", rate: 0.02 },
      exadam: { code: "optim.exadam()", rate: 0.01 },
      adagrad: { code: "optim.adagrad()", rate: 0.1 },
      adagradNorm: { code: "optim.adagradNorm()", rate: 1 },
    },
    picture: { title: "loss under adaptive steps", caption: problem },
  },
  {
    file: "optimizers-layerwise",
    title: "Steps in proportion to layers",
    purpose: "For large batches: the step of each tensor is a share of the tensor's own norm.",
    namespace: "optim",
    makers: {
      lars: { code: "optim.lars({ trust: 0.02 })", rate: 1 },
      tvlars: { code: "optim.tvlars({ trust: 0.02, steepness: 0.02 })", rate: 0.3 },
      lamb: { code: "optim.lamb()", rate: 0.02 },
    },
    picture: { title: "loss under steps in proportion to layers", caption: problem },
  },
  {
    file: "optimizers-factored",
    title: "Steps of matrices",
    purpose: "Rules that see a weight as a matrix: its second moments by row and column, or its step made nearly orthogonal.",
    namespace: "optim",
    makers: {
      adafactor: { code: "optim.adafactor({ least: 2 })", rate: 0.05 },
      muon: { code: "optim.muon({ vectorRate: 0.3 })", rate: 0.05 },
    },
    picture: { title: "loss under steps of matrices", caption: problem },
  },
  {
    file: "optimizers-curved",
    title: "Steps by curvature",
    purpose: "Rules that ask the loss for its second derivatives, by exact products of the Hessian with some directions.",
    namespace: "optim",
    makers: { saddleFreeNewton: { code: "optim.saddleFreeNewton({ damping: 0.1 })", rate: 0.5 } },
    picture: { title: "loss under steps by curvature", caption: problem },
  },
  {
    file: "optimizers-ratefree",
    title: "Without a learning rate",
    purpose: "Rules that find the distance to go, and with it the rate; leave the learning rate at 1.",
    namespace: "optim",
    makers: {
      dadaptSgd: { code: "optim.dadaptSgd({ distance: 1e-3 })", rate: 0.3 },
      dadaptAdam: { code: "optim.dadaptAdam()", rate: 1 },
      prodigy: { code: "optim.prodigy()", rate: 1 },
      dog: { code: "optim.dog({ alpha: 1e-2 })", rate: 1 },
    },
    picture: { title: "loss without a learning rate", caption: problem },
  },
  {
    file: "optimizers-schedulefree",
    title: "Without a schedule",
    purpose: "The weights that answer are an average of those that are trained, so that the rate need not decay.",
    namespace: "optim",
    makers: {
      scheduleFreeSgd: { code: "optim.scheduleFreeSgd()", rate: 0.5 },
      scheduleFreeAdamw: { code: "optim.scheduleFreeAdamw()", rate: 0.03 },
    },
    picture: { title: "loss without a schedule, where gradients are taken", caption: problem },
  },
  {
    file: "optimizers-continual",
    title: "Steps that spare what is useful",
    purpose: "For streams whose tasks change: weights that matter move less, the others stay able to learn.",
    namespace: "optim",
    makers: {
      upgd: { code: "optim.upgd({ sigma: 0.01 })", rate: 1 },
      adaUpgd: { code: "optim.adaUpgd()", rate: 0.02 },
      classp: { code: "optim.classp({ threshold: 1e-6 })", rate: 0.3 },
    },
    picture: { title: "loss under steps that spare what is useful", caption: problem },
  },
  {
    file: "transforms",
    title: "Transforms",
    purpose: "What stands before a rule in `optim.chain` and changes what it is given, or what becomes of its result.",
    namespace: "optim",
    makers: {
      chain: { code: "optim.sgd({ momentum: 0.9 })", rate: 0.2 },
      clipByGlobalNorm: { code: "optim.chain(optim.clipByGlobalNorm({ maxNorm: 0.3 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      clipByNorm: { code: "optim.chain(optim.clipByNorm({ maxNorm: 0.2 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      clipByValue: { code: "optim.chain(optim.clipByValue({ limit: 0.05 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      adaptiveClip: { code: "optim.chain(optim.adaptiveClip({ factor: 0.05 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      decoupledDecay: { code: "optim.chain(optim.decoupledDecay({ weightDecay: 0.01 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      perGroup: undefined,
      accumulate: { code: "optim.chain(optim.accumulate({ every: 4 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      lookahead: { code: "optim.chain(optim.lookahead(), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      averageWeights: undefined,
      gradientNoise: { code: "optim.chain(optim.gradientNoise({ eta: 0.001 }), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      project: { code: "optim.chain(optim.project(), optim.sgd({ momentum: 0.9 }))", rate: 0.2 },
      sharpnessAware: undefined,
    },
    picture: { title: "loss under momentum with a transform before it", caption: problem },
  },
  {
    file: "planners",
    title: "Planners",
    purpose: "What to expect of a schedule before the run: bounds, laws fitted to curves, forecasts. Their numbers are advice.",
    namespace: "planners",
    makers: {
      bound: undefined,
      boundAt: undefined,
      transfer: undefined,
      extend: undefined,
      refine: undefined,
      fitLaw: undefined,
      predictLoss: undefined,
      forecast: undefined,
    },
    picture: {
      title: "loss above the least possible, by the multi-power law",
      caption: "What `planners.predictLoss` gives for one law and three schedules of the same peak over 3,000 updates.",
      step: 20,
      powers: true,
      async lines() {
        const law = /** @type {const} */ ({ kind: "multiPower", L0: 2, A: 0.4, alpha: 0.5, B: 400, C: 1, beta: 0.4, gamma: 0.5 });
        const losses = async (/** @type {import("palimpsest").Schedule} */ schedule) => {
          const all = await planners.predictLoss(law, await scheduleAt(schedule, times(3000)));
          return all.filter((_, t) => t % 20 === 19).map((loss) => loss - law.L0);
        };
        return {
          constant: await losses(schedules.constant(1e-3)),
          cosine: await losses(schedules.cosine({ peak: 1e-3, total: 3000 })),
          cooldown: await losses(schedules.cooldown({ peak: 1e-3, total: 3000, fraction: 0.2 })),
        };
      },
    },
  },
  {
    file: "controllers",
    title: "Controllers",
    purpose: "Rates that follow what training shows. Their states are plain data: saved and read back, they go on bit for bit.",
    namespace: "controllers",
    makers: {
      plateau: undefined,
      hypergradient: undefined,
      alignment: undefined,
      fedHyper: undefined,
      fedHyperClient: undefined,
      signalToNoise: undefined,
      optimalBaseline: undefined,
      homeostatic: undefined,
      candidateRate: undefined,
      autoLrs: undefined,
      normRecorder: undefined,
    },
    picture: {
      title: "rates of controllers",
      caption: "A run whose loss falls to a floor while the noise of its gradients stays: successive gradients agree less and less.",
      unit: "rate",
      async lines() {
        const progress = (/** @type {number} */ t) => 1 / (1 + t / 20);
        /** @type {<S extends { readonly rate: number }, O>(controller: import("palimpsest").controllers.Controller<S, O>, see: (t: number) => O) => number[]} */
        const follow = (controller, see) => {
          let state = controller.start();
          return times(150).map((t) => {
            state = controller.next(state, see(t)).state;
            return state.rate;
          });
        };
        return {
          plateau: follow(controllers.plateau({ rate: 0.1, factor: 0.5, patience: 8, threshold: 0.02 }), (t) => ({
            metric: Math.max(progress(t), 0.3),
          })),
          hypergradient: follow(controllers.hypergradient({ rate: 0.1, beta: 2e-3 }), (t) => ({ product: 2 * progress(t) - 0.6 })),
          signalToNoise: follow(controllers.signalToNoise({ rate: 0.1 }), (t) => ({ meanSquare: progress(t), variance: 6, count: 32 })),
        };
      },
    },
  },
  {
    file: "batching",
    title: "Batch sizes",
    purpose: "Batches that grow with the noise of the gradients or go round with the shape of their rows, and groups within a batch.",
    namespace: "batching",
    makers: {
      batchTest: undefined,
      dispersion: undefined,
      accumulated: undefined,
      multigrid: undefined,
      shortCycle: undefined,
      ghostGroups: undefined,
    },
    picture: {
      title: "batch sizes that the tests ask for",
      caption: "The squared norm of the mean gradient falls as 1/(1 + t/20) while the variance between rows stays.",
      unit: "rows",
      async lines() {
        const sizes = (/** @type {"norm" | "innerProduct" | "augmented"} */ test) => {
          const controller = batching.batchTest({ test, batchSize: 16, eta: 0.5, theta: 0.5, nu: 0.53 });
          let state = controller.start();
          return times(200).map((t) => {
            const meanSquare = 1 / (1 + t / 20);
            const seen = { count: state.batchSize, meanSquare, variance: 10, innerVariance: 6 * meanSquare, orthogonalVariance: 9 };
            state = controller.next(state, seen).state;
            return state.batchSize;
          });
        };
        return { norm: sizes("norm"), innerProduct: sizes("innerProduct"), augmented: sizes("augmented") };
      },
    },
  },
  {
    file: "curricula",
    title: "Curricula over a stream",
    purpose: "Which rows, which source and how hard ones come next.",
    namespace: "streams",
    makers: {
      cyclical: undefined,
      cyclicalShares: undefined,
      scoresOf: undefined,
      weightedRows: undefined,
      progressiveDropout: undefined,
      keepShare: undefined,
      pickRows: undefined,
      adaptiveDifficulty: undefined,
      bandit: undefined,
      chancesOf: undefined,
    },
    picture: {
      title: "share of the rows in each epoch",
      caption: "Of `cyclicalShares`, and of `keepShare` by rule.",
      unit: "share",
      async lines() {
        const kept = (/** @type {"decay" | "inverse" | "log"} */ rule) =>
          times(40).map((epoch) => streams.keepShare({ rule, decay: 0.95 }, epoch));
        const cycle = streams.cyclicalShares({ start: 0.25, end: 1, factor: 0.5, total: 30 }).slice(0, 40);
        return { cyclical: cycle, decay: kept("decay"), inverse: kept("inverse"), log: kept("log") };
      },
    },
  },
];
