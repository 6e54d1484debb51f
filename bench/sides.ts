import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Found, Part, Spec } from './spec.js';

/** Who is measured: by whom, on what. */
export interface Side {
  name: string;
  /** Whether it is this library. */
  ours: boolean;
  /** The program of a process that measures, and its arguments before the part. */
  program: 'node' | 'python';
  script: string;
  /** What the script is told. */
  side: string;
}

const tfjs = (name: string, side: string): Side => ({
  name,
  ours: side.startsWith('vgg-blocks'),
  program: 'node',
  script: 'tfjs.mjs',
  side,
});

/** The sides in the order of the figure. */
export const SIDES: readonly Side[] = [
  tfjs('vgg-blocks, wasm', 'vgg-blocks wasm'),
  tfjs('vgg-blocks, WebGPU', 'vgg-blocks webgpu'),
  tfjs('tfjs, wasm', 'tfjs wasm'),
  tfjs('tfjs, WebGPU', 'tfjs webgpu'),
  tfjs('tfjs, cpu', 'tfjs cpu'),
  { name: 'onnxruntime-web', ours: false, program: 'node', script: 'ort.mjs', side: 'wasm' },
  tfjs('tfjs-node', 'tfjs tensorflow'),
  { name: 'PyTorch', ours: false, program: 'python', script: 'python.py', side: 'pytorch' },
  {
    name: 'PyTorch, channels last',
    ours: false,
    program: 'python',
    script: 'python.py',
    side: 'pytorch channels_last',
  },
  { name: 'onnxruntime', ours: false, program: 'python', script: 'python.py', side: 'onnxruntime' },
];

/** The longest that a process may take; tfjs's cpu backend needs a minute for eight pictures of 224x224. */
const LONGEST_MS = 600_000;

/** Runs one part of a side in a process of its own. */
export function measure({ program, script, side }: Side, part: Part, spec: Spec, python: string): Found {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const threads = String(spec.threads);
  const { status, stdout, stderr, error } = spawnSync(
    program === 'node' ? process.execPath : python,
    [path, part, side, JSON.stringify(spec)],
    {
      encoding: 'utf8',
      timeout: LONGEST_MS,
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        OMP_NUM_THREADS: threads,
        TF_NUM_INTRAOP_THREADS: threads,
        TF_NUM_INTEROP_THREADS: '1',
      },
    },
  );
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return { absent: `there is no ${python}; name another with --python` };
  if (error) return { absent: `it took more than ${LONGEST_MS / 1000} s` };
  if (status !== 0) return { absent: stderr.trim().split('\n').at(-1) ?? `it ended with ${status}` };
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Found;
}
