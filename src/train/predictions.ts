import { toBase64 } from '../base/base64.js';
import { fail } from '../base/check.js';
import { element, svg, text } from '../figures/svg.js';
import { encodePng } from '../images/png.js';

/** The pictures of a labelled set, as `vgg-blocks/data`'s `ImageSet` holds them. */
export interface LabelledImages {
  /** One byte a channel, picture after picture, `[count, height, width, channels]`. */
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  /** `[height, width, channels]`; 1 channel is grey, 3 are red, green and blue. */
  readonly storedShape: readonly number[];
  readonly classNames: readonly string[];
}

const CELL = { width: 104, image: 72, height: 116 };
const COLUMNS = 8;

/**
 * A sheet of pictures with what was predicted under each, and what is right where that differs.
 *
 * @param predicted the predicted class of each picture, in order.
 * @param options `most` pictures at most, default 40: the first ones.
 * @returns an SVG document with the pictures inside.
 * @throws RangeError when there are fewer predictions than pictures to show.
 */
export async function predictionSheet(
  pictures: LabelledImages,
  predicted: ArrayLike<number>,
  { most = 40 }: { most?: number } = {},
): Promise<string> {
  const [height, width, channels] = pictures.storedShape as [number, number, number];
  const bytes = height * width * channels;
  const count = Math.min(most, pictures.labels.length);
  if (predicted.length < count) {
    fail(
      'predictionSheet',
      `there are ${predicted.length} predictions for ${count} pictures; give one for each.`,
    );
  }
  const cells = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const data = pictures.images.subarray(i * bytes, (i + 1) * bytes);
      const png = `data:image/png;base64,${toBase64(await encodePng({ data, width, height }))}`;
      const at = `${(i % COLUMNS) * CELL.width},${Math.floor(i / COLUMNS) * CELL.height}`;
      return element(
        'g',
        { transform: `translate(${at})` },
        cell(png, name(pictures, predicted[i]!), name(pictures, pictures.labels[i]!)),
      );
    }),
  );
  const size = [CELL.width * Math.min(COLUMNS, count), CELL.height * Math.ceil(count / COLUMNS)];
  const right = Array.from({ length: count }, (_, i) => predicted[i] === pictures.labels[i]).filter(
    Boolean,
  ).length;
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

function name({ classNames }: LabelledImages, label: number): string {
  return classNames[label] ?? String(label);
}
