import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
await tf.setBackend('wasm');
const ts=[];
for (const n of [2359296,2359296,2359296,102760448,16777216,4096000]) { const a=new Float32Array(n).fill(1); const t=performance.now(); ts.push(tf.tensor(a,[n])); console.log('upload ms', n, performance.now()-t);}
