/** A page of places.ts: plain tfjs loads a model, and this library's kernels compute it where there are some. */
import { setBackend, type Tensor, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { imageOfPage, ready, taskOfPage } from './pageTask.js';

/** The backend; the others are left out of the page. */
declare const BACKEND: 'wasm' | 'webgl' | 'webgpu';

const task = taskOfPage();
if (BACKEND === 'wasm') {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const { installWasmKernels } = await import('vgg-blocks/wasm');
  setWasmPaths('/wasm/');
  installWasmKernels({ threads: task.threads });
} else if (BACKEND === 'webgpu') {
  await import('@tensorflow/tfjs-backend-webgpu');
  const { installWebgpuKernels } = await import('vgg-blocks/webgpu');
  installWebgpuKernels();
} else {
  await import('@tensorflow/tfjs-backend-webgl');
}
if (!(await setBackend(BACKEND))) throw new Error(`the ${BACKEND} backend did not start`);
const model = await loadLayersModel(task.file);
const image = await imageOfPage(task);
await ready(async () => {
  const logits = tidy(() => model.predict(tensor4d(image, [1, ...task.shape])) as Tensor);
  const numbers = await logits.data();
  logits.dispose();
  return numbers;
});
