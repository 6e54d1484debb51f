import { expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { gpuName } from '../../src/tfjs/gpu.js';
import { differences, factsOf } from '../../src/train/checkpoint/facts.js';
import { backends, useBackend } from '../support/backends.js';

test.each(backends)('the facts of a run on %s name the GPU, if there is one', async (name) => {
  await useBackend(name);
  const isGpu = name === 'webgl' || name === 'webgpu';
  expect(gpuName()).toEqual(isGpu ? expect.stringMatching(/./) : undefined);
  const model = vgg([[1, 2]], { inputShape: [4, 4, 1], classes: 2 });
  const { engine, ...others } = await factsOf(model, {}, { batchSize: 1 });
  expect(engine).toMatchObject({ backend: name, ...(isGpu && { gpu: gpuName() }) });
  const elsewhere = { engine: { ...engine, gpu: 'another' }, ...others };
  expect(differences(elsewhere, { engine, ...others }, []).map(({ text }) => text)).toEqual([
    expect.stringMatching(/^of the engine, gpu was "another" and is /),
  ]);
  model.dispose();
});
