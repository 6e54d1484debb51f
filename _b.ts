import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-cpu';
import { vgg16, IMAGENET } from './src/index.js';
for (const be of ['wasm','cpu']) { await tf.setBackend(be);
for (const initializer of ['glorotUniform','glorotUniform','heNormal','zeros'] as const) {
 const t=performance.now(); const m=vgg16({...IMAGENET, initializer}); console.log(be,initializer,(performance.now()-t)|0,'ms');
 m.dispose(); } }
