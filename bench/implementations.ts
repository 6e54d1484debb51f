import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onnxruntimeNode } from './onnxruntimeNode.js';
import type { Measurement, Part, Spec } from './spec.js';

/** A library on a backend, and the script that measures it. */
export interface Implementation {
  name: string;
  /** Whether it is this library. */
  ours: boolean;
  program: 'node' | 'python';
  script: string;
  /** Tells the script which of its implementations is measured. */
  variant: string;
}

const tfjs = (name: string, variant: string): Implementation => ({
  name,
  ours: variant.startsWith('vgg-blocks'),
  program: 'node',
  script: 'tfjs.mjs',
  variant,
});

const python = (name: string, variant: string): Implementation => ({
  name,
  ours: false,
  program: 'python',
  script: 'benchChild.py',
  variant,
});

const onnxruntime = (name: string): Implementation => ({
  name,
  ours: false,
  program: 'node',
  script: 'ort.mjs',
  variant: name,
});

/** In the order of the chart. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  tfjs('vgg-blocks, wasm', 'vgg-blocks wasm'),
  tfjs('vgg-blocks, WebGPU', 'vgg-blocks webgpu'),
  tfjs('vgg-blocks, tfjs-node', 'vgg-blocks tensorflow'),
  tfjs('tfjs, wasm', 'tfjs wasm'),
  tfjs('tfjs, WebGPU', 'tfjs webgpu'),
  tfjs('tfjs, cpu', 'tfjs cpu'),
  onnxruntime('onnxruntime-web'),
  onnxruntime('onnxruntime-node'),
  tfjs('tfjs-node', 'tfjs tensorflow'),
  python('PyTorch', 'pytorch'),
  python('PyTorch, channels last', 'pytorch channels_last'),
  python('Keras', 'keras'),
  python('onnxruntime', 'onnxruntime'),
];

/** A process is ended after this time; tfjs's cpu backend needs a minute for eight images of 224x224. */
const TIMEOUT_MS = 600_000;

/** Measures one part of an implementation in a process of its own. */
export function measure(
  { program, script, variant }: Implementation,
  part: Part,
  spec: Spec,
  python: string,
): Measurement {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const threads = String(spec.threads);
  const ort: Record<string, string> = {};
  if (variant === 'onnxruntime-node') {
    try {
      ort.ONNXRUNTIME_NODE = onnxruntimeNode();
    } catch (error) {
      return { absent: (error as Error).message };
    }
  }
  const started = Date.now();
  const { status, stdout, stderr, error } = spawnSync(
    program === 'node' ? process.execPath : python,
    [path, part, variant, JSON.stringify(spec)],
    {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        ...ort,
        OMP_NUM_THREADS: threads,
        TF_NUM_INTRAOP_THREADS: threads,
        TF_NUM_INTEROP_THREADS: '1',
      },
    },
  );
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return { absent: `${python} not found; choose another with --python` };
  if (error) return { absent: `took more than ${TIMEOUT_MS / 1000} s` };
  if (status !== 0) return { absent: stderr.trim().split('\n').at(-1) ?? `exited with code ${status}` };
  const measurement = JSON.parse(stdout.trim().split('\n').at(-1)!) as Measurement;
  const { predictedAt } = measurement;
  return predictedAt === undefined ? measurement : { ...measurement, cold: predictedAt - started };
}
