import { expect, inject, test } from 'vitest';
import { gradCam } from '../../src/features/index.js';
import { drawImage, overlay } from '../../src/images/index.js';
import { scaleArch, VGG11, vgg } from '../../src/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useBackend } from '../support/backends.js';

test('a heat map is laid over an image of the page and shown on a canvas', async () => {
  await useBackend(inject('backend') ?? 'wasm');
  const source = new OffscreenCanvas(48, 32);
  const context = source.getContext('2d')!;
  context.fillStyle = '#204060';
  context.fillRect(0, 0, 48, 32);
  const model = vgg(scaleArch(VGG11, 32), { inputShape: [32, 32, 3], hiddenUnits: 4 });
  const recipe = { ...PUBLISHED['torchvision/vgg16'].preprocessing, crop: 32, resize: { shorterSide: 32 } };
  const shown = await overlay(source, await gradCam(model, source, { preprocessing: recipe }), {
    opacity: 0,
  });
  model.dispose();
  const canvas = document.createElement('canvas');
  drawImage(canvas, shown);
  expect([canvas.width, canvas.height]).toEqual([48, 32]);
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, 48, 32);
  // The middle 32 columns are what the network saw; the rest is darker.
  expect([...data.slice(4 * 20, 4 * 20 + 4)]).toEqual([0x20, 0x40, 0x60, 255]);
  expect([...data.slice(0, 4)]).toEqual([13, 26, 38, 255]);
});
