import { randomUniform } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { scaleArch, VGG11, vgg } from '../../src/index.js';

// Dawn's null device needs no driver.
const { NETWORKS, prediction, trainingStep, withKernels } = await import('../../bench/webgpuHost.js');

const network = (hiddenUnits: number, size = 224) =>
  vgg(scaleArch(VGG11, 4), { inputShape: [size, size, 1], hiddenUnits });

test('a prediction of one image and of eight takes no more programs than with kernels of tfjs', async () => {
  const model = network(4096);
  for (const batch of [1, 8]) {
    const x = randomUniform([batch, 224, 224, 1]);
    const predict = () => prediction(model, x, 1);
    const [stock, ours] = [await withKernels('stock', predict), await withKernels('ours', predict)];
    // A convolution, pooling or dense layer each.
    expect(ours.programs).toBe(16);
    expect(stock.programs).toBe(17);
    expect(ours.submissions).toBeLessThanOrEqual(stock.submissions);
    x.dispose();
  }
  model.dispose();
});

test('a training step takes less than two thirds of the programs', async () => {
  const model = network(64, 32);
  const step = () => trainingStep(model, 4, 6);
  const [stock, ours] = [await withKernels('stock', step), await withKernels('ours', step)];
  expect(ours.programs).toBeLessThan((2 / 3) * stock.programs);
  expect(ours.submissions).toBeLessThan(stock.submissions);
  model.dispose();
});

test('a training step creates one buffer, that of tfjs, and finds most bind groups again', async () => {
  const model = network(64, 32);
  await withKernels('ours', async () => {
    // Tensors change places in the pool for some steps.
    await trainingStep(model, 4, 20);
    const { buffers, groups, programs } = await trainingStep(model, 4, 20);
    expect(buffers).toBeLessThan(2);
    expect(groups).toBeLessThan(programs / 3);
  });
  model.dispose();
});

test('a training step with batch normalization takes six programs for each, and one of Adam for each variable', async () => {
  const { build, optimizer } = NETWORKS['VGG-16/16, 32x32x3, batch normalization, 64 hidden units'];
  const model = build();
  const step = () => trainingStep(model, 4, 6, optimizer);
  const [stock, ours] = [await withKernels('stock', step), await withKernels('ours', step)];
  expect(ours.programs).toBe(225);
  expect(stock.programs).toBeGreaterThan(7 * ours.programs);
  model.dispose();
});
