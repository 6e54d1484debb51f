/** One process of the benchmark, onnxruntime-web: node ort.mjs PART SIDE SPEC. It does not train. */
import { readFile } from 'node:fs/promises';
import { absent, answer, clockOf, loop, pictures } from './one.mjs';

await answer(async (part, _, spec) => {
  const ort = await import('onnxruntime-web');
  if (part === 'build') throw absent('it neither builds networks nor trains them');
  ort.env.wasm.numThreads = spec.threads;
  const [height, width, channels] = spec.inputShape;
  // Channels first, which is the same where there is one.
  const numbers = pictures(spec);
  const size = height * width * channels;
  const turned = Float32Array.from(numbers, (_, i) => {
    const [image, rest] = [Math.floor(i / size), i % size];
    const [channel, place] = [Math.floor(rest / (height * width)), rest % (height * width)];
    return numbers[image * size + place * channels + channel];
  });
  const one = new ort.Tensor('float32', turned.slice(0, size), [1, channels, height, width]);
  const images = new ort.Tensor('float32', turned, [spec.batchSize, channels, height, width]);
  const now = clockOf(spec);
  const begun = now();
  const session = await ort.InferenceSession.create(await readFile(`${spec.folder}/network.onnx`));
  const loaded = now();
  const logits = [...(await session.run({ image: one })).logits.data];
  const first = now() - loaded;
  const inference = await loop(spec, () => session.run({ image: images }));
  return {
    about: `onnxruntime-web ${ort.env.versions.web}, wasm`,
    load: loaded - begun,
    first,
    logits,
    inference,
  };
});
