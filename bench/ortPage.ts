/** A page of places.ts: onnxruntime-web loads an ONNX file. */
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { imageOfPage, ready, taskOfPage } from './pageTask.js';

/** The execution provider; the page is built with the part of onnxruntime-web that has it. */
declare const PROVIDER: 'wasm' | 'webgpu';

const task = taskOfPage();
env.wasm.numThreads = task.threads;
env.wasm.wasmPaths = '/ort/';
const session = await InferenceSession.create(task.file, { executionProviders: [PROVIDER] });
const [height, width, channels] = task.shape;
const image = await imageOfPage(task);
const channelsFirst = Float32Array.from(image, (_, i) => {
  const [channel, position] = [Math.floor(i / (height * width)), i % (height * width)];
  return image[position * channels + channel]!;
});
await ready(async () => {
  const x = new Tensor('float32', channelsFirst, [1, channels, height, width]);
  const { [session.outputNames[0]!]: logits } = await session.run({ [session.inputNames[0]!]: x });
  return (await logits!.getData()) as Float32Array;
});
