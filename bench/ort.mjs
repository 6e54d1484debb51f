/** One process of index.ts, onnxruntime-web or onnxruntime-node: node ort.mjs PART PACKAGE SPEC */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { absent, answer, loop, readImages } from './child.mjs';
import { CLOCKS } from './timing.mjs';

await answer(async (part, name, spec) => {
  const { ONNXRUNTIME_NODE } = process.env;
  const ort =
    name === 'onnxruntime-node' ? createRequire(import.meta.url)(ONNXRUNTIME_NODE) : await import(name);
  if (part === 'build') throw absent('only predicts');
  ort.env.wasm.numThreads = spec.threads;
  const [height, width, channels] = spec.inputShape;
  const numbers = readImages(spec);
  const size = height * width * channels;
  const channelsFirst = Float32Array.from(numbers, (_, i) => {
    const [image, rest] = [Math.floor(i / size), i % size];
    const [channel, position] = [Math.floor(rest / (height * width)), rest % (height * width)];
    return numbers[image * size + position * channels + channel];
  });
  const one = new ort.Tensor('float32', channelsFirst.slice(0, size), [1, channels, height, width]);
  const images = new ort.Tensor('float32', channelsFirst, [spec.batchSize, channels, height, width]);
  const now = CLOCKS[spec.clock];
  const begun = now();
  const file = await readFile(`${spec.folder}/${spec.file ?? 'network.onnx'}`);
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: spec.threads });
  const loaded = now();
  const logits = [...Object.values(await session.run({ image: one }))[0].data];
  const first = now() - loaded;
  const predictedAt = Date.now();
  const inference = await loop(spec, () => session.run({ image: images }));
  return {
    about: `${name} ${ort.env.versions[name === 'onnxruntime-web' ? 'web' : 'node']}`,
    load: loaded - begun,
    first,
    predictedAt,
    logits,
    inference,
  };
});
