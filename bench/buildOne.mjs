/** One measurement of build.ts, in a process of its own and on the package as it is built: node buildOne.mjs SIDE BACKEND */
import { setBackend } from '@tensorflow/tfjs-core';
import { input, layers, model } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { IMAGENET, VGG16, vgg16 } from 'vgg-blocks';

const [side, backend] = process.argv.slice(2);
await setBackend(backend);
const start = performance.now();
if (side === 'vgg-blocks') vgg16({ ...IMAGENET });
else {
  const kernelInitializer = side === 'tfjs-glorotUniform' ? 'glorotUniform' : undefined;
  const image = input({ shape: [224, 224, 3] });
  const convolutions = VGG16.flatMap(([convs, filters]) => [
    ...Array.from({ length: convs }, () =>
      layers.conv2d({ filters, kernelSize: 3, padding: 'same', kernelInitializer }),
    ),
    layers.maxPooling2d({ poolSize: 2, strides: 2 }),
  ]);
  const top = [4096, 4096, 1000].map((units) => layers.dense({ units, kernelInitializer }));
  const outputs = [...convolutions, layers.flatten(), ...top].reduce((x, layer) => layer.apply(x), image);
  model({ inputs: image, outputs });
}
console.log(`ms ${performance.now() - start}`);
