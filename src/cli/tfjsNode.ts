import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import util from 'node:util';
import { env } from '@tensorflow/tfjs-core';
import { firstLineOf } from '../base/realm.js';

const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/**
 * Registers the backend `tensorflow`, TensorFlow's own library, from `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, or from
 * the folder of one of them that VGG_BLOCKS_TFJS_NODE names.
 *
 * @param home a file or folder, as a URL or path, from which the packages are looked up.
 * @throws Error when none is installed, its binary is missing, or this Node is too new for it.
 */
export function loadTfjsNode(home: string | URL): void {
  const require = createRequire(home);
  const installed = (name: string) => {
    try {
      return require.resolve(name);
    } catch {
      return undefined;
    }
  };
  const given = process.env.VGG_BLOCKS_TFJS_NODE;
  const file = (given ? [resolve(given)] : PACKAGES).map(installed).find(Boolean);
  if (!file) {
    const missing = given
      ? `there is no package in VGG_BLOCKS_TFJS_NODE, ${given}; set it to the folder of @tensorflow/tfjs-node`
      : 'run npm install @tensorflow/tfjs-node, or @tensorflow/tfjs-node-gpu for a GPU';
    throw new Error(`the tensorflow backend is not installed: ${missing}.`);
  }
  // tensorflow/tfjs#8609: its kernels call this, which Node 23 removed.
  if (!('isNullOrUndefined' in util)) {
    throw new Error(
      `the tensorflow backend does not run on Node ${process.version}, only on Node 22 and older (tensorflow/tfjs#8609); use one of these, or the wasm backend.`,
    );
  }
  // It warns that it replaces tfjs's adapter to Node.
  const isProduction = env().getBool('PROD');
  env().set('PROD', true);
  try {
    require(file);
  } catch (error) {
    throw new Error(
      `the tensorflow backend could not be loaded from ${file} (${firstLineOf(error)}); reinstall it, with its install script.`,
    );
  } finally {
    env().set('PROD', isProduction);
  }
}
