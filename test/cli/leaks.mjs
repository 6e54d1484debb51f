import { engine } from '@tensorflow/tfjs-core';

/** Preloaded into the command line under test: a command that succeeds must have disposed of every tensor. */
process.on('exit', (code) => {
  const { numTensors } = engine().state;
  if (code === 0 && numTensors > 0) {
    console.error(`${numTensors} tensors were left behind`);
    process.exitCode = 99;
  }
});
