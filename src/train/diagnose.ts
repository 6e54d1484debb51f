import { dispose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  checkArguments,
  EXAMPLES,
  either,
  kind,
  listOf,
  MODEL,
  NUMBER,
  optionsOf,
  recordOf,
  TEXT,
} from '../base/arguments.js';
import { checkSeed, fail, wholeNumber } from '../base/check.js';
import { owning } from '../base/owning.js';
import { OPTIMIZERS, type OptimizerName } from '../core/optimizers.js';
import { rebuilt } from '../core/rebuilt.js';
import { outputActivations } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import { inUse } from '../tfjs/inUse.js';
import { type Batch, disposeBatch, type Examples } from './batch.js';
import { contentProblem } from './batchProblems.js';
import { inputFindings, labelFinding } from './exampleFindings.js';
import { type BatchesTaken, checkExamples, givenBatches } from './examples.js';
import { type Advice, eitherOf, type Fault, type Finding } from './finding.js';
import { objectiveOf } from './objective.js';
import { checkTrainable, chooseOptimizer, type OptimizerOptions } from './optimizer.js';
import { type Probe, probe } from './probe.js';
import { rateFindings, tryRate } from './rateTrial.js';
import { betterStart, listed, weightFindings } from './weightFindings.js';

/** The result of {@link diagnose}, with what to do if no fault was found; plain data that survives JSON. */
export interface Diagnosis extends Advice {
  /** Mean cross-entropy of the batch; null if it is no finite number, or labels are of no class. */
  loss: number | null;
  /** The cross-entropy of guessing, ln(classes). */
  chance: number;
  /** Faults, without those that others explain; empty if none was found. */
  findings: Finding[];
}

/** Options of {@link diagnose}: those that the training has, and the batch. */
export interface DiagnoseOptions extends OptimizerOptions {
  /** Examples in the batch that is looked at. Default 32. */
  batchSize?: number;
  /** Seed of the examples that are drawn, and of dropout. Default 0. */
  seed?: number;
  /** Stops before the next trial of a learning rate, or while the batch does not come: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Looks for what keeps a classifier from learning, as when the loss stays at ln(classes): on one batch it measures the input, the
 * labels, the outputs, dead ReLUs and the gradient of each layer, and then takes a few steps with the learning rate, and with
 * larger and smaller ones. All of that happens to a copy of the model, so that others may use it meanwhile.
 *
 * @param options the optimizer's, as passed to `train`.
 * @throws RangeError when the examples do not fit the model, no layer is trainable, or an option is out of range; the signal's reason.
 * @example
 * const { findings } = await diagnose(model, trainSet, { optimizer: 'momentum', learningRate: 0.1 });
 * for (const { text, advice } of findings) console.log(`${text}: ${advice}`);
 */
export function diagnose(
  model: LayersModel,
  examples: Examples,
  options: DiagnoseOptions = {},
): Promise<Diagnosis> {
  return inUse('diagnose', { model }, () => diagnosed(model, examples, options));
}

async function diagnosed(
  given: LayersModel,
  examples: Examples,
  options: DiagnoseOptions,
): Promise<Diagnosis> {
  checkArguments('diagnose', { model: given, examples }, { model: MODEL, examples: EXAMPLES });
  const {
    batchSize = 32,
    seed = 0,
    signal,
    ...rest
  } = optionsOf('diagnose', options, {
    batchSize: 1,
    seed: 1,
    signal: 1,
    optimizer: 1,
    learningRate: 1,
    weightDecay: 1,
    weightDecayOf: 1,
    clipNorm: 1,
  });

  const where = 'diagnose';
  checkExamples(where, given, examples, 'given');
  checkTrainable(where, given);
  wholeNumber(where, 'batchSize', batchSize);
  checkSeed(where, seed);
  const objective = objectiveOf(where, given);
  const chosen = chooseOptimizer(where, rest);
  if (chosen.owned) chosen.optimizer.dispose();
  return owning(async (own) => {
    // Others may use the model meanwhile, and see nothing of the steps.
    const model = own(
      rebuilt(where, graphOf(where, given), () => undefined),
      (copy) => copy.dispose(),
    );
    const weights = own(
      model.getWeights().map((weight) => weight.clone()),
      dispose,
    );
    const batch = own(
      await firstBatch(examples, objective.classes, { batchSize, seed, signal }),
      disposeBatch,
    );
    const chance = Math.log(objective.classes);
    const labels = await labelFinding(batch, objective.classes);
    const start = betterStart(model);
    const advice = eitherOf(start, 'train for more epochs');
    if (labels) return { loss: null, chance, findings: [labels], ...advice };
    // Before the batch, which changes moving statistics.
    let findings = await weightFindings(model);
    const probed = await probe(model, objective, batch, seed);
    // In the order of causes: a fault makes others, and no rate would do.
    if (findings.length === 0)
      findings = [...inputFindings(probed, chance), ...outputFindings(model, probed)];
    if (findings.length === 0) findings = layerFindings(probed, chance, chosen.name, start);
    if (findings.length === 0 && probed.loss > chance / 2 && chosen.learningRate !== null) {
      const usual = OPTIMIZERS[chosen.name as OptimizerName].learningRate;
      findings = await rateFindings(chosen.learningRate, usual, chance, async (learningRate) => {
        signal?.throwIfAborted();
        model.setWeights(weights);
        return tryRate(model, objective, batch, seed, { ...rest, learningRate });
      });
    }
    const loss = Number.isFinite(probed.loss) ? probed.loss : null;
    return { loss, chance, findings, ...advice };
  });
}

const DIAGNOSIS = recordOf('what diagnose returned', {
  loss: either(
    NUMBER,
    kind('null', (value) => value === null),
  ),
  chance: NUMBER,
  findings: listOf(recordOf('a finding', { text: TEXT, advice: TEXT })),
  advice: TEXT,
});

/** What `diagnose` found, as one sentence. */
export function diagnosisText(given: Diagnosis): string {
  checkArguments('diagnosisText', { diagnosis: given }, { diagnosis: DIAGNOSIS });
  const { loss, chance, findings, advice } = given;

  const classes = Math.round(Math.exp(chance));
  if (findings.length > 0) {
    return findings
      .map(({ text, advice }) => `${text[0]!.toUpperCase()}${text.slice(1)}; ${advice}.`)
      .join(' ');
  }
  const at = loss === null ? 'that is not finite' : `of ${loss.toFixed(3)}`;
  return `No fault was found at a loss ${at} (guessing has ln(${classes}) = ${chance.toFixed(3)}); ${advice}.`;
}

async function firstBatch(examples: Examples, classes: number, taken: BatchesTaken): Promise<Batch> {
  let first: Batch | undefined;
  try {
    for await (first of givenBatches('diagnose', 'given', examples, taken)) break;
    const problem = first && (await contentProblem(first, examples, classes));
    if (problem) fail('diagnose', `the given set ${problem}`);
  } catch (error) {
    if (first) disposeBatch(first);
    throw error;
  }
  return first ?? fail('diagnose', 'the examples returned no batch; pass at least one example.');
}

function outputFindings(model: LayersModel, { outputs }: Probe): Finding[] {
  const softmaxes = outputActivations(graphOf('diagnose', model)).filter(
    (activation) => activation === 'softmax',
  ).length;
  if (softmaxes < 2 && !outputs.areLogitsProbabilities) return [];
  return [
    {
      fault: 'softmax-twice',
      layers: [],
      text:
        softmaxes < 2
          ? 'the outputs are probabilities, but the model does not end in a softmax, so the loss computes one more'
          : 'the model has two softmaxes, one after the other',
      advice: 'end the model in one softmax, or in none',
    },
  ];
}

function layerFindings(
  { loss, dead, gradients }: Probe,
  chance: number,
  optimizer: string,
  start: string | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const add = (fault: Fault, layers: string[], text: string, advice: Advice) => {
    if (layers.length > 0) findings.push({ fault, layers, text: `${text} ${listed(layers)}`, ...advice });
  };
  add(
    'dead-relus',
    dead.filter(({ fraction }) => fraction > 0.9).map(({ layer }) => layer),
    'more than 90 % of the units are 0 for every image in',
    {
      advice: `they do not come back: build the network again, with a smaller learning rate or warmupEpochs${start ? `; ${start}` : ''}`,
      adviceToKeep:
        'they do not come back: begin again with its file, with a smaller learning rate or warmupEpochs',
    },
  );
  if (findings.length > 0) return findings;
  add(
    'exploding-gradients',
    gradients.filter(({ ratio }) => !(ratio <= 30)).map(({ layer }) => layer),
    'the gradient is more than 30 times the weights in',
    eitherOf(start, 'pass clipNorm: 1'),
  );
  // A network that has learned has small gradients too. Adam takes full steps down to its epsilon, 1e-7.
  const vanishes = optimizer.startsWith('adam')
    ? ({ rms }: Probe['gradients'][number]) => rms < 1e-7
    : ({ ratio }: Probe['gradients'][number]) => ratio < 2e-4;
  if (findings.length > 0 || loss < chance / 2) return findings;
  add(
    'vanishing-gradients',
    gradients.filter(vanishes).map(({ layer }) => layer),
    'the gradient is too small to change the weights in',
    {
      advice: [start, 'start from a trained VGG-11 with growFrom, as the paper did']
        .filter(Boolean)
        .join(', or '),
      adviceToKeep: 'begin with other weights',
    },
  );
  return findings;
}
