/// <reference types="vite/client" />
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threaded from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import { setBackend } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { classify } from 'vgg-blocks/imagenet';
import { installWasmKernels } from 'vgg-blocks/wasm';

const one = <E extends Element>(selector: string) => document.querySelector<E>(selector)!;
const canvas = one<HTMLCanvasElement>('canvas');
const clear = one<HTMLButtonElement>('button');
const file = one<HTMLInputElement>('input');
const list = one<HTMLOListElement>('ol');
// The network has learned garments that are bright on black.
const pen = canvas.getContext('2d', { willReadFrequently: true })!;

function show(...lines: string[]): void {
  list.replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })),
  );
}

async function loadNetwork(): Promise<LayersModel> {
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': threaded,
  });
  installWasmKernels();
  if (!(await setBackend('wasm'))) throw new Error('This browser has no WebAssembly.');
  return loadLayersModel('model.json');
}

/** Names what is on the canvas. The model carries its preprocessing and the names of its classes. */
async function name(model: LayersModel): Promise<void> {
  const classes = await classify(model, canvas, { topK: 3 });
  show(...classes.map(({ label, probability }) => `${label}: ${(100 * probability).toFixed(0)} %`));
}

function erase(): void {
  pen.filter = 'none';
  pen.fillStyle = 'black';
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

/** Draws an image so that all of it is seen, inverted if its corner is bright. */
async function open(image: File): Promise<void> {
  const bitmap = await createImageBitmap(image);
  const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [scale * bitmap.width, scale * bitmap.height];
  const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
  erase();
  pen.drawImage(bitmap, left, top, width, height);
  const [red = 0, green = 0, blue = 0] = pen.getImageData(Math.ceil(left), Math.ceil(top), 1, 1).data;
  if (red + green + blue > 382) {
    pen.filter = 'invert(1)';
    pen.drawImage(bitmap, left, top, width, height);
  }
  bitmap.close();
}

function draw({ offsetX, offsetY, movementX, movementY, buttons }: PointerEvent): void {
  if (buttons === 0) return;
  const scale = canvas.width / canvas.clientWidth;
  pen.filter = 'none';
  pen.strokeStyle = 'white';
  pen.lineWidth = 24;
  pen.lineCap = 'round';
  pen.beginPath();
  pen.moveTo(scale * (offsetX - movementX), scale * (offsetY - movementY));
  pen.lineTo(scale * offsetX, scale * offsetY);
  pen.stroke();
}

/** Keeps what the page has loaded, for the service worker to answer with when there is no network. */
async function keep(): Promise<void> {
  await navigator.serviceWorker.register('serviceWorker.js');
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
  const own = loaded.filter((url) => url.startsWith(location.origin));
  await (await caches.open('app')).addAll(['./', ...new Set(own)]);
}

erase();
try {
  const model = await loadNetwork();
  const fail = (error: unknown) => show(String(error));
  canvas.addEventListener('pointermove', draw);
  canvas.addEventListener('pointerdown', draw);
  canvas.addEventListener('pointerup', () => name(model).catch(fail));
  clear.addEventListener('click', () => {
    erase();
    show();
  });
  file.addEventListener('change', () => {
    const [image] = file.files!;
    if (image)
      open(image)
        .then(() => name(model))
        .catch(fail);
  });
  for (const control of [clear, file]) control.disabled = false;
  show();
  if (import.meta.env.PROD) await keep();
} catch (error) {
  show(String(error));
}
