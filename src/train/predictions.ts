import { BYTES, checkArguments, NUMBERS, optionsOf, TEXTS, withFields } from '../base/arguments.js';
import { toBase64 } from '../base/base64.js';
import { fail, wholeNumber } from '../base/check.js';
import { element, svg, text } from '../figures/svg.js';
import { encodePng } from '../images/png.js';

/** The images of a labeled set, such as an `ImageSet` of `vgg-blocks/data`. */
export interface LabeledImages {
  /** One byte a channel, image after image, `[count, height, width, channels]`. */
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  /** `[height, width, channels]`; 1 channel is gray, 3 are red, green and blue. */
  readonly storedShape: readonly number[];
  /** Without names, classes are shown as numbers. */
  readonly classNames: readonly string[];
}

const PARTS = { images: BYTES, labels: NUMBERS, storedShape: NUMBERS, classNames: TEXTS };
const LABELED = withFields('labeled images, such as an ImageSet', ...Object.keys(PARTS));
const CELL = { width: 104, image: 72, height: 116 };
const COLUMNS = 8;

/**
 * A sheet of images with the predicted class under each, and the correct class where that differs.
 *
 * @param predicted the predicted class of each image, in order.
 * @param options.limit maximum number of images to show, starting with the first. Default 40.
 * @returns an SVG document that contains the images.
 * @throws RangeError when there are fewer predictions than images to show, or one is no class of the set.
 */
export async function predictionSheet(
  set: LabeledImages,
  predicted: ArrayLike<number>,
  options: { limit?: number } = {},
): Promise<string> {
  checkArguments(
    'predictionSheet',
    { set, predicted },
    {
      set: LABELED,
      predicted: NUMBERS,
    },
  );
  const parts = Object.entries(PARTS).map(([name, kind]) => [`set.${name}`, name, kind] as const);
  for (const [shown, name, kind] of parts) {
    checkArguments('predictionSheet', { [shown]: set[name as keyof LabeledImages] }, { [shown]: kind });
  }
  optionsOf('predictionSheet', options, { limit: 1 });

  const { limit = 40 } = options;
  wholeNumber('predictionSheet', 'limit', limit);
  const [height, width, channels] = set.storedShape as [number, number, number];
  const bytes = height * width * channels;
  if (set.images.length !== bytes * set.labels.length) {
    fail(
      'predictionSheet',
      `there are ${set.images.length} bytes for ${set.labels.length} images of ${set.storedShape.join('x')}; pass as many images as labels.`,
    );
  }
  const count = Math.min(limit, set.labels.length);
  if (count === 0) fail('predictionSheet', 'there are no images to draw; pass at least one.');
  if (predicted.length < count) {
    fail(
      'predictionSheet',
      `there are ${predicted.length} predictions for ${count} images; pass one for each.`,
    );
  }
  const classes = set.classNames.length || Number.POSITIVE_INFINITY;
  for (const [given, values] of Object.entries({ predicted, 'set.labels': set.labels })) {
    for (let i = 0; i < count; i++) {
      wholeNumber('predictionSheet', `${given}[${i}]`, values[i]!, 0, classes - 1);
    }
  }
  const isRight: boolean[] = [];
  // All is read before the first image is encoded, so that the caller may change it.
  const cells = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const data = set.images.slice(i * bytes, (i + 1) * bytes);
      const [found, right] = [name(set, predicted[i]!), name(set, set.labels[i]!)];
      isRight[i] = predicted[i] === set.labels[i];
      const png = `data:image/png;base64,${toBase64(await encodePng({ data, width, height }))}`;
      const at = `${(i % COLUMNS) * CELL.width},${Math.floor(i / COLUMNS) * CELL.height}`;
      return element('g', { transform: `translate(${at})` }, cell(png, found, right));
    }),
  );
  const size = [CELL.width * Math.min(COLUMNS, count), CELL.height * Math.ceil(count / COLUMNS)];
  const right = isRight.filter(Boolean).length;
  const title = `${count} test images, ${right} of them classified correctly`;
  return svg({ width: size[0]!, height: size[1]!, title, 'font-size': 11, 'text-anchor': 'middle' }, cells);
}

function cell(png: string, predicted: string, right: string): string {
  const isRight = predicted === right;
  const color = isRight ? '#0b7a4b' : '#b3261e';
  const square = { x: (CELL.width - CELL.image) / 2, y: 6, width: CELL.image, height: CELL.image };
  const crisp = { preserveAspectRatio: 'xMidYMid', style: 'image-rendering:pixelated' };
  return [
    element('image', { href: png, ...square, ...crisp }),
    element('rect', { ...square, fill: 'none', stroke: color, 'stroke-width': isRight ? 1 : 3 }),
    text(CELL.width / 2, 93, predicted, { fill: color, 'font-weight': 600 }),
    isRight ? '' : text(CELL.width / 2, 107, `is ${right}`),
  ].join('');
}

function name({ classNames }: LabeledImages, label: number): string {
  return classNames[label] ?? String(label);
}
