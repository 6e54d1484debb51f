import { BYTES, checkArguments, FUNCTION, kind, PIXELS, recordOf } from '../base/arguments.js';
import { channelsOf, type RawImage } from './pixels.js';

const CONTEXT = recordOf('one with createImageData and putImageData', {
  createImageData: FUNCTION,
  putImageData: FUNCTION,
});

const drawable = (length: number) =>
  kind(
    `an ImageData of ${length} bytes`,
    (value) => BYTES.holds((value as ImageData).data) && (value as ImageData).data.length === length,
  );

/**
 * Draws an image, such as an overlay or a grid, on a browser's canvas, and resizes the canvas to fit.
 *
 * @throws Error when the canvas already has a context other than 2D.
 * @example drawImage(document.querySelector('canvas')!, await overlay(img, await gradCam(model, img, published)));
 */
export function drawImage(canvas: HTMLCanvasElement | OffscreenCanvas, image: RawImage): void {
  checkArguments(
    'drawImage',
    { canvas },
    {
      canvas: recordOf('a canvas', { getContext: FUNCTION }),
    },
  );
  checkArguments('drawImage', { image }, { image: PIXELS });

  const { data, width, height } = image;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d') as
    | CanvasRenderingContext2D
    | OffscreenCanvasRenderingContext2D
    | null;
  if (!context) {
    throw new Error(
      'drawImage: the canvas already has a context other than 2D; pass a new canvas or one with a 2D context.',
    );
  }
  checkArguments('drawImage', { context }, { context: CONTEXT });
  const channels = channelsOf('drawImage', image);
  // The canvas makes it, since canvases of other packages bring no global ImageData.
  const drawn = context.createImageData(width, height);
  const what = 'what createImageData() returned';
  checkArguments('drawImage', { [what]: drawn }, { [what]: drawable(4 * width * height) });
  const rgba = drawn.data;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    for (let k = 0; k < 3; k++) rgba[4 * pixel + k] = data[from + (channels >= 3 ? k : 0)]!;
    rgba[4 * pixel + 3] = channels % 2 === 0 ? data[from + channels - 1]! : 255;
  }
  context.putImageData(drawn, 0, 0);
}
