/** Jasmine, with its functions as globals, which the tests that are imported next expect. */
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
import jasmineCore from 'jasmine-core';

export const jasmine = jasmineCore.boot().getEnv();
jasmine.configure({ random: false });
setTestEnvs([{ name: 'wasm', backendName: 'wasm', isDataSync: true }]);
