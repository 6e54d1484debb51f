/** Options that are flags by the same name. */
const SAME = `
  arch blur classes columns crops decay dropout dtype ema epochs erase every flip init initializer jitter key layer mixup names
  optimizer padding patience preprocessing quantize rename scales schedule seed shift size steps temperature threads
`
  .trim()
  .split(/\s+/);

/** The flags, or variables, of options that have another name in code. */
const OTHERS: Readonly<Record<string, string>> = {
  batchNorm: '--batch-norm',
  batchSize: '--batch',
  classIndex: '--class',
  clipNorm: '--clip-norm',
  contentWeight: '--content-weight',
  endpoint: 'HF_ENDPOINT',
  hiddenUnits: '--hidden',
  includeTop: '--features-only',
  inputShape: '--input-shape',
  labelSmoothing: '--label-smoothing',
  learningRate: '--lr',
  maxBytes: '--max-bytes',
  maxError: '--max-error',
  maxSide: '--size',
  microBatchSize: '--micro-batch',
  pooling: '--global-pooling',
  ranks: '--rank',
  styleWeight: '--style-weight',
  token: 'HF_TOKEN',
  topK: '--top',
  tvWeight: '--tv-weight',
  validationFraction: '--validation-fraction',
  warmupEpochs: '--warmup',
  weightDecay: '--weight-decay',
  weightDecayOf: '--weight-decay-of',
};

const ALL = [...SAME, ...Object.keys(OTHERS)].join('|');
/** Names that no English sentence has. */
const LONG = Object.keys(OTHERS)
  .filter((name) => /[A-Z]/.test(name))
  .join('|');

/** Those that sentences give a value, as in code. */
const VALUED = `${LONG}|classes|dtype|initializer|optimizer|padding|pooling|quantize|threads`;

const flagOf = (name: string) => OTHERS[name] ?? `--${name}`;

/** What to say on the command line, in this order, for what a text of the library says of options. */
export const FLAGS: [said: RegExp, inFlags: string | ((found: string, ...parts: string[]) => string)][] = [
  // Where a name stands for another flag, or the advice is another.
  [/\bstrict: false\b/g, '--allow-unused'],
  [
    /, classes: 0 if it is a hidden layer; pass includeTop: false\b/,
    '; if it is a hidden layer, pass --features-only',
  ],
  [/\bset pooling or includeTop: false\b/, 'pass --global-pooling or --features-only'],
  [/\bincludeTop: false\b/g, '--features-only'],
  [/\binputShape, includeTop, pooling and name\b/, '--input-shape, --features-only and --global-pooling'],
  [
    /\bpass classifierActivation: '\w+' or '\w+', or build its model\b/,
    'in code, pass the activation to fromWeights, or build its model',
  ],
  [/, or its weight files as the option shards\b/, ''],
  [/, or name layers of this one as contentLayers and styleLayers\b/, ''],
  [
    /\bmaxBytes is (.+?); (?:(use a )(size of at most \d+), or )?raise maxBytes where the backend has more memory\b/,
    (_, bytes, use, size) => `at most ${bytes} are used; ${use ? `${use}--${size}` : 'use smaller images'}`,
  ],
  [
    /^layer is (.*), but ([\w-]+) has no such option; leave it out.*$/,
    '--layer is $1, but $2 has no such option; leave it out.',
  ],
  [/\bpass layout: 'NCHW' or 'NHWC'/g, 'pass --input-layout nchw or nhwc'],
  [/\bthe option layout is (NCHW|NHWC)\b/g, '--input-layout is $1'],
  [/\bthe option layout\b/g, '--input-layout'],
  [
    /^names is '(\w+)' and dtype '(\w+)', but the container '/,
    "--names is $1 and --dtype $2, but the container '",
  ],
  [/\bdtype 'float16' or 'int8'/, '--dtype f16 or int8'],
  [/\bdtype:? 'float(\d\d)'/gi, '--dtype f$1'],
  [/\bdtype:? 'F(\d\d)'/g, '--dtype f$1'],
  [/\b(?:the )?container '([\w.]+)'( or )'([\w.]+)'/g, '--to $1$2$3'],
  [/\b(?:the )?container '([\w.]+)'/g, '--to $1'],
  [/\bchoose another container\b/, 'choose another --to'],
  [/\bpooling '(\w+)' needs --features-only\b/, '--global-pooling $1 needs --features-only'],
  [/\bpooling '(\w+)' or '(\w+)'/g, '--pooling $1 or $2'],
  [/\bpooling '(\w+)'/g, '--pooling $1'],
  [/\bthe option distill\.(teacher|temperature)\b/g, '--$1'],
  [/\bthe option distill\.weight\b/g, '--distill-weight'],
  [/\brename (has|gives) '/g, "--rename $1 '"],
  [/\barch \[\[/g, '--arch [['],
  [/\ballow: \['data', 'engine'\]/g, '--allow both'],
  [/\ballow: \['(data|engine)'\]/g, '--allow $1'],
  [
    /\bstart from a trained VGG-11 with growFrom, as the paper did\b/g,
    'begin with a trained network by --weights',
  ],
  [/\bresume: true\b/g, '--resume'],
  [/\ba validationSet, or validationFraction: /g, '--validation-fraction '],
  [/ Start a new run\.$/, ' Start a new run with --overwrite.'],
  [/^ratio (\d+) does not divide\b/, '--ratio $1 does not divide'],
  [/ \(scaleArch\)/g, ' (--ratio)'],
  [/\branks has '(.+?)', but/g, "--rank has '$1', but"],
  [/\branks\.(\S+) is (\S+); it/g, '--rank $1=$2: it'],
  [/\bpass version: '([\d.]+)'/, 'pass --lpips-version $1'],
  [/\bpass a calibration for\b/, 'pass --calibration with one for'],
  [/\bpass the token alone\b/, 'set it to the token alone'],
  [/\bpass a token\b/g, 'set HF_TOKEN to a token'],
  [/\bcheck the endpoint\b/g, 'check HF_ENDPOINT'],
  // Where the name of an option is at its place.
  [
    new RegExp(`\\b(${VALUED}): '([\\w.]+)'(?:( or )'([\\w.]+)')?`, 'g'),
    (_, name, value, or = '', other = '') => `${flagOf(name!)} ${value}${or}${other}`,
  ],
  [new RegExp(`\\b(${VALUED}): ([\\d.]*\\d)`, 'g'), (_, name, value) => `${flagOf(name!)} ${value}`],
  [new RegExp(`\\b(${LONG}): true\\b`, 'g'), (_, name) => flagOf(name!)],
  [
    new RegExp(`^((?:\\w+: )?)(${ALL}) (is|has|follows|cannot be given)\\b`),
    (_, before, name, does) => `${before}${flagOf(name!)} ${does}`,
  ],
  [new RegExp(`\\b(?:the )?option (${ALL})\\b`, 'g'), (_, name) => flagOf(name!)],
  [new RegExp(`\\bpass (${ALL})\\b`, 'g'), (_, name) => `pass ${flagOf(name!)}`],
  [new RegExp(`(?<![-.\\w])(${LONG})\\b(?!\\()`, 'g'), (_, name) => flagOf(name!)],
  // The shapes of images.
  [/(--input-shape\b[^[]*)\[(\d+), ?(\d+), ?(\d+)\]/g, '$1$2x$3x$4'],
  [/\bpass \[height, width, (\d+)\]/g, 'pass HxWx$1'],
  [/\bpass \[height, width, channels\]/g, 'pass HxWxC'],
];
