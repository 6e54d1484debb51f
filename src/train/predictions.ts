import { toBase64 } from '../base/base64.js';
import { fail } from '../base/check.js';
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

const CELL = { width: 104, picture: 72, height: 116 };
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
      return `<g transform="translate(${at})">${cell(png, name(pictures, predicted[i]!), name(pictures, pictures.labels[i]!))}</g>`;
    }),
  );
  const size = [CELL.width * Math.min(COLUMNS, count), CELL.height * Math.ceil(count / COLUMNS)];
  const right = Array.from({ length: count }, (_, i) => predicted[i] === pictures.labels[i]).filter(
    Boolean,
  ).length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size[0]} ${size[1]}" width="${size[0]}" height="${size[1]}" role="img" font-family="system-ui, sans-serif" font-size="11" text-anchor="middle">`,
    `<title>${count} test pictures, ${right} of them classified right</title>`,
    `<rect width="${size[0]}" height="${size[1]}" fill="#fff"/>`,
    ...cells,
    '</svg>',
  ].join('\n');
}

function cell(png: string, predicted: string, right: string): string {
  const [x, middle, color] = [
    (CELL.width - CELL.picture) / 2,
    CELL.width / 2,
    predicted === right ? '#0b7a4b' : '#b3261e',
  ];
  const picture = `<image href="${png}" x="${x}" y="6" width="${CELL.picture}" height="${CELL.picture}" preserveAspectRatio="xMidYMid" style="image-rendering:pixelated"/>`;
  const frame = `<rect x="${x}" y="6" width="${CELL.picture}" height="${CELL.picture}" fill="none" stroke="${color}" stroke-width="${predicted === right ? 1 : 3}"/>`;
  const said = `<text x="${middle}" y="93" fill="${color}" font-weight="600">${predicted}</text>`;
  const truth = predicted === right ? '' : `<text x="${middle}" y="107" fill="#1c2733">is ${right}</text>`;
  return picture + frame + said + truth;
}

function name({ classNames }: LabelledImages, label: number): string {
  return (classNames[label] ?? String(label)).replace(
    /[&<>"]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
