/** AutoLRS: learning rates searched by short trials. */
import { checkKeys, checkNumber, checkState } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { openPlanner } from "../wasm/planner.ts";
import { type Controller, observed } from "./controller.ts";
import { forecastWith } from "./forecast.ts";

/** Options of {@link autoLrs}. */
export interface AutoLrsOptions {
  /** Least rate tried. */
  readonly minRate: number;
  /** Largest rate tried. */
  readonly maxRate: number;
  /** Rates tried in each stage. Default 10. */
  readonly trials?: number;
  /** Updates of a trial in the first stage. Default 100. */
  readonly trialSteps?: number;
  /** Updates of training in the first stage, for which a trial is forecast. Default 1000. */
  readonly steps?: number;
  /** Stages grow until training takes as many updates as this. Default 8000. */
  readonly maxSteps?: number;
  /** Seed of each stage's first rate. Default 0. */
  readonly seed?: number;
}

/** What an update, or an evaluation that was asked for, gave. */
export interface AutoLrsObservation {
  /** Loss of the batch; of the validation set where the state's `measure` asks for it. Not finite: the trial is given up. */
  readonly loss: number;
}

/** State of {@link autoLrs}. */
export interface AutoLrsState {
  readonly rate: number;
  /**
   * What to do with the model and its optimizer before the next update: "save" them, "restore" what was saved, or nothing. The save is
   * one more copy of both.
   */
  readonly action: "save" | "restore" | "none";
  /** Whether the next observation is to be the validation loss, without an update. */
  readonly measure: boolean;
  /** Whether rates are being tried, or the best one trains. */
  readonly phase: "trial" | "training";
  /** Number of the stage. */
  readonly stage: number;
  readonly trialSteps: number;
  readonly steps: number;
  /** Whether trials are judged by validation losses. */
  readonly validation: boolean;
  /** Updates made in this trial, or in this training. */
  readonly step: number;
  /** Losses of this trial. */
  readonly losses: readonly number[];
  /** Rates tried in this stage, as places among 1000, and the losses forecast for them; the last one's is to come. */
  readonly places: readonly number[];
  readonly forecasts: readonly number[];
  /** The first loss of all. */
  readonly initial: number | null;
  /** Random words read. */
  readonly position: number;
}

/** Places rates are tried at, evenly spaced in their logarithms. */
const PLACES = 1000;
/** What a trial that diverged is forecast. */
const DIVERGED = 1e6;

/**
 * Returns the rates of AutoLRS: each stage tries some from the same saved model for a few updates, forecasts where each would lead, and
 * trains with the best. Stages double until they are long enough; from then on trials are judged by validation
 * losses.
 *
 * A stage's first rate is random, each next one the farthest from those tried, in logarithms, of 1000 places: what the published Gaussian
 * process does at its weight of 10⁶ on uncertainty. This replacement is ours; so is ending a trial at its first loss that is not finite.
 * @throws E_CONFIG
 * @see Jin et al. 2021, arXiv 2105.10762; constants of the authors' server
 */
export async function autoLrs(options: AutoLrsOptions): Promise<Controller<AutoLrsState, AutoLrsObservation>> {
  const where = "controllers.autoLrs";
  checkKeys(where, options, ["minRate", "maxRate", "trials", "trialSteps", "steps", "maxSteps", "seed"]);
  const minRate = checkNumber(where, "minRate", options.minRate, { min: 0, open: "min" });
  const maxRate = checkNumber(where, "maxRate", options.maxRate, { min: minRate, open: "min" });
  const trials = checkNumber(where, "trials", options.trials ?? 10, { min: 1, max: PLACES, integer: true });
  const trialSteps = checkNumber(where, "trialSteps", options.trialSteps ?? 100, { min: 16, integer: true });
  const steps = checkNumber(where, "steps", options.steps ?? 1000, { min: 1, integer: true });
  const maxSteps = checkNumber(where, "maxSteps", options.maxSteps ?? 8000, { min: steps, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const planner = await openPlanner();
  const [out] = planner.lay(PLACES) as [number];
  planner.exports.geometric(minRate, maxRate, PLACES, out);
  const rates = planner.read(out, PLACES);
  const rateAt = (place: number) => rates[place] as number;

  /** The state in which a stage's trials begin. */
  function search(stage: Pick<AutoLrsState, "stage" | "trialSteps" | "steps" | "validation" | "initial" | "position">): AutoLrsState {
    const random = new RandomStream(seed, "controllers/autoLrs", stage.position);
    const place = random.below(PLACES);
    return {
      ...stage,
      ...{ rate: rateAt(place), action: "save", measure: false, phase: "trial", step: 0, losses: [] },
      ...{ places: [place], forecasts: [], position: random.position },
    };
  }

  /** The state after a trial's end. */
  function judge(state: AutoLrsState, loss: number): AutoLrsState {
    const forecasts = [...state.forecasts, loss];
    const fresh = { ...state, action: "restore" as const, measure: false, step: 0, losses: [], forecasts };
    if (forecasts.length < trials) {
      const place = farthest(state.places);
      return { ...fresh, places: [...state.places, place], rate: rateAt(place) };
    }
    const best = forecasts.indexOf(Math.min(...forecasts));
    return { ...fresh, phase: "training", rate: rateAt(state.places[best] as number) };
  }

  function predict({ losses, steps, trialSteps, validation, initial }: AutoLrsState): number {
    const last = losses.at(-1) as number;
    if (validation && Math.max(...losses) >= (initial as number)) return last;
    const { loss } = forecastWith(planner, losses, validation ? Math.floor(steps / interval(trialSteps)) : steps, validation);
    return loss < DIVERGED ? loss : DIVERGED;
  }

  function trial(state: AutoLrsState, loss: number): AutoLrsState {
    if (!Number.isFinite(loss)) return judge(state, DIVERGED);
    const initial = state.initial ?? loss;
    if (state.measure || !state.validation) {
      const kept = { ...state, action: "none" as const, initial, measure: false, losses: [...state.losses, loss] };
      const after = state.measure ? kept : { ...kept, step: state.step + 1 };
      return after.step === state.trialSteps ? judge(after, predict(after)) : after;
    }
    const step = state.step + 1;
    const measure = step % interval(state.trialSteps) === 0;
    const after = { ...state, action: "none" as const, initial, step, measure };
    return step === state.trialSteps && !measure ? judge(after, predict(after)) : after;
  }

  function training(state: AutoLrsState): AutoLrsState {
    const step = state.step + 1;
    if (step < state.steps) return { ...state, action: "none", step };
    const grows = state.steps < maxSteps;
    const factor = grows ? 2 : 1;
    const { initial, position } = state;
    return search({
      ...{ initial, position, stage: state.stage + 1, validation: !grows },
      ...{ trialSteps: factor * state.trialSteps, steps: factor * state.steps },
    });
  }

  const first = search({ stage: 0, trialSteps, steps, validation: false, initial: null, position: 0 });
  return {
    kind: "autoLrs",
    options: { minRate, maxRate, trials, trialSteps, steps, maxSteps, seed },
    start: () => first,
    resume: (saved) => checkState(where, saved, first),
    next(state, { loss }) {
      if (typeof loss !== "number") observed(where, "loss", loss);
      const after = state.phase === "trial" ? trial(state, loss) : training(state);
      return { state: after, rate: after.rate };
    },
  };
}

/** Updates between validation losses. */
function interval(trialSteps: number): number {
  return Math.floor(trialSteps / 16);
}

/** The place farthest from those taken; the lowest of equals. */
function farthest(taken: readonly number[]): number {
  let best = 0;
  let most = -1;
  for (let place = 0; place < PLACES; place++) {
    const distance = Math.min(...taken.map((other) => Math.abs(other - place)));
    if (distance > most) [best, most] = [place, distance];
  }
  return best;
}
