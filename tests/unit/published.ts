/**
 * Numbers of independent f64 implementations of the named methods, run against the authors' code where there is some, and rounded to nine digits.
 */
export const refinedSchedule = {
  gradNorms: [15.0, 6.0, 4.0, 3.0, 2.0, 1.8, 1.5, 9.0, 1.2, 1.1, 1.0, 1.0, 0.9, 1.1, 1.0, 1.2, 1.1, 1.3, 1.2, 1.4],
  tau: 0.1,
  filterWidth: 3,
  smoothed: [15.0, 6.0, 4.0, 3.0, 2.0, 1.8, 1.8, 1.5, 1.2, 1.1, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1, 1.2, 1.2, 1.3, 1.2],
  sgdL2Power2: {
    unsmoothedRaw: [
      0.00444266816, 0.0276972897, 0.0619676338, 0.109054502, 0.239752341, 0.287424337, 0.396128158, 0.010989854, 0.574812864, 0.622655091,
      0.663488044, 0.573563428, 0.571043683, 0.320849189, 0.298302903, 0.16378837, 0.133501974, 0.0640991457, 0.031861046, 0.0,
    ],
    unsmoothedNormalized: [
      0.00669592797, 0.0417449718, 0.0933967602, 0.164365436, 0.361351411, 0.433201984, 0.597038879, 0.0165637559, 0.866349996, 0.938457138,
      1.0, 0.864466863, 0.860669138, 0.483579459, 0.449598008, 0.246859565, 0.201212328, 0.0966093455, 0.0480205276, 0.0,
    ],
    smoothedNormalized: [
      0.00689109656, 0.0429640572, 0.0961360664, 0.169223822, 0.372224602, 0.446537007, 0.433537467, 0.597338108, 0.867530625, 0.939226417,
      1.0, 0.863536035, 0.727072071, 0.590608106, 0.394899149, 0.301692425, 0.187695272, 0.121885104, 0.0560749361, 0.0,
    ],
  },
  adamL1Power1: {
    unsmoothedRaw: [
      0.0663367619, 0.16378, 0.241030714, 0.313126665, 0.451132853, 0.478348671, 0.541027926, 0.0892549188, 0.617864267, 0.612687814,
      0.599728018, 0.52549944, 0.492248048, 0.341402471, 0.30131414, 0.199547493, 0.156342242, 0.0883673544, 0.0441836772, 0.0,
    ],
    unsmoothedNormalized: [
      0.107364619, 0.2650744, 0.390103015, 0.506788758, 0.730148799, 0.774197014, 0.875642037, 0.144457162, 1.0, 0.991622022, 0.970646871,
      0.850509518, 0.796692856, 0.55255254, 0.487670441, 0.322963317, 0.25303655, 0.143020659, 0.0715103293, 0.0,
    ],
    smoothedNormalized: [
      0.110899693, 0.273914733, 0.403369477, 0.524487972, 0.756721464, 0.803751636, 0.766701644, 0.866689985, 1.0, 0.991700849, 0.970828961,
      0.850786988, 0.730745016, 0.610703043, 0.455976343, 0.356768101, 0.243674945, 0.160312464, 0.0769499825, 0.0,
    ],
  },
  constantNormCheck: { raw: [0.2, 0.15, 0.1, 0.05, 0.0] },
};

export const lastIterateBound = {
  cases: [
    { T: 10, schedule: "constant", term1: 0.05, term2: 0.5, term3: 1.41448413, optBaseLr: 0.161606609, optBound: 0.618786575 },
    {
      T: 10,
      schedule: "wsd_linear_0.2",
      term1: 0.0526315789,
      term2: 0.486842105,
      term3: 1.84378185,
      optBaseLr: 0.150275125,
      optBound: 0.70046961,
    },
    {
      T: 10,
      schedule: "wsd_sqrt_0.2",
      term1: 0.0538045567,
      term2: 0.488856711,
      term3: 2.54057853,
      optBaseLr: 0.133268863,
      optBound: 0.80745878,
    },
    { T: 10, schedule: "linear", term1: 0.0909090909, term2: 0.35, term3: 0.882896825, optBaseLr: 0.271544049, optBound: 0.669571593 },
    { T: 10, schedule: "cosine", term1: 0.0909090909, term2: 0.386363636, term3: 1.11605654, optBaseLr: 0.24598462, optBound: 0.739144511 },
    { T: 100, schedule: "constant", term1: 0.005, term2: 0.5, term3: 2.58868876, optBaseLr: 0.040234437, optBound: 0.248543306 },
    {
      T: 100,
      schedule: "wsd_linear_0.2",
      term1: 0.00552486188,
      term2: 0.481629834,
      term3: 1.76916404,
      optBaseLr: 0.0495442035,
      optBound: 0.223027579,
    },
    {
      T: 100,
      schedule: "wsd_sqrt_0.2",
      term1: 0.00573321725,
      term2: 0.481143839,
      term3: 1.6047471,
      optBaseLr: 0.052426806,
      optBound: 0.218713199,
    },
    { T: 100, schedule: "linear", term1: 0.0099009901, term2: 0.335, term3: 0.711773775, optBaseLr: 0.0972552145, optBound: 0.203608416 },
    {
      T: 100,
      schedule: "cosine",
      term1: 0.0099009901,
      term2: 0.376237624,
      term3: 0.727914881,
      optBaseLr: 0.0946945059,
      optBound: 0.209114352,
    },
    { T: 1000, schedule: "constant", term1: 0.0005, term2: 0.5, term3: 3.74223543, optBaseLr: 0.0108564446, optBound: 0.0921111875 },
    {
      T: 1000,
      schedule: "wsd_linear_0.2",
      term1: 0.000555247085,
      term2: 0.481492227,
      term3: 1.64398316,
      optBaseLr: 0.0161627443,
      optBound: 0.0687070306,
    },
    {
      T: 1000,
      schedule: "wsd_sqrt_0.2",
      term1: 0.000576580793,
      term2: 0.480788996,
      term3: 1.49579126,
      optBaseLr: 0.0170794098,
      optBound: 0.0675176484,
    },
    {
      T: 1000,
      schedule: "linear",
      term1: 0.000999000999,
      term2: 0.3335,
      term3: 0.673484471,
      optBaseLr: 0.0314971729,
      optBound: 0.063434328,
    },
    {
      T: 1000,
      schedule: "cosine",
      term1: 0.000999000999,
      term2: 0.375124875,
      term3: 0.690096154,
      optBaseLr: 0.0306240832,
      optBound: 0.0652428348,
    },
  ],
  lrTransfer: [
    { T: 400, kind: "linear", cooldown: 0.05, gammaCOverGamma1: 0.417945117 },
    { T: 400, kind: "linear", cooldown: 0.1, gammaCOverGamma1: 0.456583375 },
    { T: 400, kind: "linear", cooldown: 0.2, gammaCOverGamma1: 0.511946301 },
    { T: 400, kind: "linear", cooldown: 0.4, gammaCOverGamma1: 0.60670356 },
    { T: 400, kind: "linear", cooldown: 0.5, gammaCOverGamma1: 0.655545108 },
    { T: 400, kind: "linear", cooldown: 0.8, gammaCOverGamma1: 0.832552968 },
    { T: 400, kind: "sqrt", cooldown: 0.05, gammaCOverGamma1: 0.289277959 },
    { T: 400, kind: "sqrt", cooldown: 0.1, gammaCOverGamma1: 0.318985031 },
    { T: 400, kind: "sqrt", cooldown: 0.2, gammaCOverGamma1: 0.363783313 },
    { T: 400, kind: "sqrt", cooldown: 0.4, gammaCOverGamma1: 0.44892118 },
    { T: 400, kind: "sqrt", cooldown: 0.5, gammaCOverGamma1: 0.497693841 },
    { T: 400, kind: "sqrt", cooldown: 0.8, gammaCOverGamma1: 0.71188154 },
    { T: 6400, kind: "linear", cooldown: 0.05, gammaCOverGamma1: 0.424495731 },
    { T: 6400, kind: "linear", cooldown: 0.1, gammaCOverGamma1: 0.460786891 },
    { T: 6400, kind: "linear", cooldown: 0.2, gammaCOverGamma1: 0.514196016 },
    { T: 6400, kind: "linear", cooldown: 0.4, gammaCOverGamma1: 0.60744714 },
    { T: 6400, kind: "linear", cooldown: 0.5, gammaCOverGamma1: 0.655903946 },
    { T: 6400, kind: "linear", cooldown: 0.8, gammaCOverGamma1: 0.832389482 },
    { T: 6400, kind: "sqrt", cooldown: 0.05, gammaCOverGamma1: 0.293050189 },
    { T: 6400, kind: "sqrt", cooldown: 0.1, gammaCOverGamma1: 0.320845369 },
    { T: 6400, kind: "sqrt", cooldown: 0.2, gammaCOverGamma1: 0.364286706 },
    { T: 6400, kind: "sqrt", cooldown: 0.4, gammaCOverGamma1: 0.448414334 },
    { T: 6400, kind: "sqrt", cooldown: 0.5, gammaCOverGamma1: 0.496919408 },
    { T: 6400, kind: "sqrt", cooldown: 0.8, gammaCOverGamma1: 0.710850668 },
  ],
  horizonExtension: [
    { t1OverT0: 1.5, cooldownFractionSameLr: 0.4459, secondStageLrFactorSameLr: 0.6367, optLrIfCooldownKept02OverLr0: 0.816996233 },
    { t1OverT0: 2.0, cooldownFractionSameLr: 0.6327, secondStageLrFactorSameLr: 0.533, optLrIfCooldownKept02OverLr0: 0.707768531 },
    { t1OverT0: 3.0, cooldownFractionSameLr: 0.8763, secondStageLrFactorSameLr: 0.4312, optLrIfCooldownKept02OverLr0: 0.578087509 },
    { t1OverT0: 4.0, cooldownFractionSameLr: 1.0, secondStageLrFactorSameLr: 0.3754, optLrIfCooldownKept02OverLr0: 0.500728189 },
  ],
};

export const lrAnnealingScalingLaw = {
  lrs: [2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.25, 0.25],
  lambda: 0.999,
  S1: [2.0, 4.0, 6.0, 7.5, 8.5, 9.0, 9.25, 9.5],
  S2: [0.0, 0.0, 0.0, 0.5, 1.4995, 2.9980005, 4.7450025, 6.4902575],
  params: { L0: 2.5, A: 0.6, alpha: 0.5, C: 0.01 },
  loss: [2.92426407, 2.8, 2.74494897, 2.71408902, 2.6908033, 2.67002, 2.64982876, 2.62976313],
};

export const multiPowerLaw = {
  lrs: [2.0, 2.0, 2.0, 1.5, 1.0, 0.5, 0.25, 0.25],
  params: { L0: 2.5, A: 0.6, alpha: 0.5, B: 0.05, C: 2.0, beta: 0.6, gamma: 0.65 },
  loss: [2.92426407, 2.8, 2.74494897, 2.7062913, 2.67843427, 2.65895771, 2.64827379, 2.64150406],
};

export const autolrsForecast = {
  losses: [
    2.5, 2.44172268, 2.38186728, 2.33035146, 2.27052879, 2.6255453, 2.16560095, 2.12690954, 2.06672302, 2.03407204, 1.97355569, 1.94668194,
    1.88577973, 1.86440855, 1.80309476, 1.78694023, 1.72521801, 2.11398341, 1.65188324, 1.64526161, 1.58283966, 1.58051453, 1.51785095,
    1.51949723, 1.45669431, 1.46197933, 1.3991596, 1.40774422, 1.34504848, 1.35658836, 1.29417368, 1.30832064, 1.24635821, 1.26276168,
    1.20143476, 1.21974327, 1.15924499, 1.17910777, 1.11963899, 1.14070755,
  ],
  predIndex: 400,
  a: 2.00292201,
  b: -0.0298426864,
  c: 0.495288913,
  predicted: 0.495302018,
};

export const autolrsStages = [
  { tauPrime: 100, tau: 1000, validationStage: false },
  { tauPrime: 200, tau: 2000, validationStage: false },
  { tauPrime: 400, tau: 4000, validationStage: false },
  { tauPrime: 800, tau: 8000, validationStage: false },
  { tauPrime: 800, tau: 8000, validationStage: true },
  { tauPrime: 800, tau: 8000, validationStage: true },
];

export const fedhyperGlobal = {
  updates: [
    [0.1, -0.2],
    [0.3, -0.1],
    [-0.2, 0.4],
    [0.05, 0.1],
    [2.0, 1.5],
    [2.0, 2.0],
  ],
  alpha: [1.0, 1.05, 0.95, 0.98, 1.23, 5.0],
  clip: [0.2, 5.0],
};

export const snrLearningRateReconstructed = {
  meanGrad: [0.3, -0.1, 0.2],
  traceCov: 0.9,
  batch: 8,
  L: 2.0,
  snr: 1.24444444,
  eta: 0.277227723,
};

export const optimalBaseline = { rewards: [1.0, 0.0, 1.0, 0.0], scoreNormSq: [4.0, 1.0, 2.0, 3.0], bStar: 0.6, plainMean: 0.5 };

export const adaptiveBatchTests = {
  perSampleGrads: [
    [1.0, 0.0, 2.0],
    [0.5, -1.0, 1.0],
    [1.5, 1.0, 0.0],
    [0.0, 0.5, 1.0],
  ],
  eta: 0.1,
  theta: 0.3,
  nu: 0.5,
  result: {
    b: 4,
    meanGrad: [0.75, 0.125, 1.0],
    varL1: 1.8125,
    gradNormSq: 1.578125,
    innerVar: 0.618164062,
    orthVar: 1.42079208,
    rawNormTest: 114.851485,
    rawInnerProductTest: 2.75789955,
    rawOrthogonalityTest: 3.60121557,
    nextBNormTest: 115,
    nextBInnerProduct: 4,
    nextBAugmented: 4,
  },
};

export const cclSizes = [
  {
    sp: 0.25,
    ep: 1.0,
    alpha: 0.5,
    T: 10,
    sizes: [0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 1.0],
  },
  {
    sp: 0.2,
    ep: 0.9,
    alpha: 0.6,
    T: 6,
    sizes: [0.2, 0.333333333, 0.555555556, 0.9, 0.54, 0.324, 0.2, 0.333333333, 0.555555556, 0.9, 0.54, 0.324, 0.2, 0.333333333],
  },
];

export const multigridKineticsSlowfast = {
  schedule: [
    [0, [8, 8, 158], 73],
    [0, [4, 16, 158], 110],
    [0, [2, 16, 224], 142],
    [0, [1, 32, 224], 158],
    [1, [8, 8, 158], 205],
    [1, [4, 16, 158], 228],
    [1, [2, 16, 224], 248],
    [1, [1, 32, 224], 259],
    [2, [8, 8, 158], 291],
    [2, [4, 16, 158], 308],
    [2, [2, 16, 224], 322],
    [2, [1, 32, 224], 329],
    [3, [1, 32, 224], 358],
  ],
  lrSteps: [0, 73, 110, 142, 158, 205, 228, 248, 259, 291, 308, 322, 329, 343],
  relLrs: [8.0, 4.0, 2.0, 1.0, 0.8, 0.4, 0.2, 0.1, 0.08, 0.04, 0.02, 0.01, 0.01, 0.001],
  maxEpoch: 358,
  avgBatchFactor: [10.6666667, 5.33333333, 4.66666667, 2.33333333],
};

export const multigridShortCycle = { crop: 224, defaultCrop: 224, baseBatch: 8, batchSizes: [32, 16, 8] };

export const progressiveDataDropout = {
  srdKeepFraction: { decay: 0.99, epoch: [0, 1, 10, 50, 100], keep: [1.0, 0.99, 0.904382075, 0.605006067, 0.366032341] },
  inverseLinear: { alpha: 2, epoch1based: [1, 2, 10, 100, 199], ratio: [1.0, 0.75, 0.25, 0.0294117647, 0.0149253731] },
  log: { alpha: 2, epoch1based: [1, 2, 10, 100, 199], ratio: [1.0, 0.79248125, 0.442114109, 0.237539188, 0.207156162] },
  dbpdExample: { pTrueClass: [0.1, 0.29, 0.3, 0.31, 0.9], threshold: 0.3, keep: [true, true, false, false, false] },
};

export const homeostaticLr = {
  lrInit: 0.001,
  lrStep: 0.0001,
  events: [
    { guess: 7, label: 7, accKeep: 0.5, accChange: 0.6, candidateLr: 0.0011, lr: 0.0011 },
    { guess: 2, label: 2, accKeep: 0.5, accChange: 0.6, candidateLr: 0.001, lr: 0.001 },
    { guess: 2, label: 8, accKeep: 0.4, accChange: 0.45, candidateLr: 0.0009, lr: 0.0011 },
    { guess: 9, label: 1, accKeep: 0.4, accChange: 0.5, candidateLr: 0.0012, lr: 0.001 },
    { guess: 9, label: 9, accKeep: 0.7, accChange: 0.7, candidateLr: 0.0011, lr: 0.001 },
  ],
};

export const hypergradientSgd = {
  lr: 0.1,
  beta: 0.05,
  grads: [
    [0.1, -0.2, 0.05, 0.3, -0.1, 0.02, 0.01, -0.03],
    [-0.05, 0.15, 0.1, 0.2, 0.05, -0.12, -0.02, 0.04],
    [0.07, -0.11, -0.09, -0.25, 0.13, 0.06, 0.03, 0.02],
  ],
  rates: [0.1, 0.10106, 0.097085],
};
