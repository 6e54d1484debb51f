import { alexNetPlan, cost, type Plan, paramCount, plan, VGG11 } from 'vgg-blocks';
import type { Choice } from './choice.js';
import { STARTS } from './choice.js';

/** A question of the chapter. Everything in it is computed by this library when it is shown. */
export interface Exercise {
  name: 'size' | 'memory' | 'layers';
  /** The possible answers in ascending order. */
  answers: readonly number[];
  right: number;
  /** The numbers of the explanation. */
  facts: readonly number[];
  /** The network of the question. */
  setUp: Partial<Choice>;
}

const SIDE = { large: 224, small: 96 };
const BATCH = 128;

/** The exercises of the chapter. */
export function exercises(): Exercise[] {
  const network = (side: number) => plan(VGG11, { inputShape: [side, side, 1], classes: 10 });
  const large = network(SIDE.large);
  const alexNet = alexNetPlan({ inputShape: [SIDE.large, SIDE.large, 1], classes: 10 });
  return [size(large, network(SIDE.small)), memory(large, alexNet), layers(large)];
}

/** How much less work 96x96 images are than 224x224. */
function size(large: Plan, small: Plan): Exercise {
  const [most, least] = [cost(large).macs.forward, cost(small).macs.forward];
  const side = SIDE.large / SIDE.small;
  return {
    name: 'size',
    ...among(most / least, [side, side ** 3]),
    facts: [most, least],
    setUp: { ...STARTS.chapter, size: SIDE.small },
  };
}

/** How much more memory VGG's activations take than AlexNet's. */
function memory(vgg: Plan, alexNet: Plan): Exercise {
  const [more, less] = [vgg, alexNet].map((one) => cost(one, { batchSize: BATCH }).bytes.activations) as [
    number,
    number,
  ];
  const weights = paramCount(vgg).total / paramCount(alexNet).total;
  return {
    name: 'memory',
    ...among(more / less, [1, weights]),
    facts: [more, less, weights],
    setUp: { ...STARTS.chapter, batchSize: BATCH },
  };
}

/** How many layers with weights there are where the chapter prints a row for each block. */
function layers(vgg: Plan): Exercise {
  const [convs, dense] = (['conv', 'dense'] as const).map(
    (kind) => vgg.filter((row) => row.kind === kind).length,
  ) as [number, number];
  return {
    name: 'layers',
    ...among(convs + dense, [VGG11.length + dense, convs + dense + VGG11.length]),
    facts: [VGG11.length, dense, convs],
    setUp: STARTS.chapter,
  };
}

/** An answer among wrong ones. */
function among(answer: number, wrong: readonly number[]): Pick<Exercise, 'answers' | 'right'> {
  const answers = [answer, ...wrong].sort((a, b) => a - b);
  return { answers, right: answers.indexOf(answer) };
}
