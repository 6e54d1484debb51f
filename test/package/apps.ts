import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Installation } from './installation.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const manifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));

/**
 * Copies an example app and its network beside the project, and installs what its package.json asks for: the packed library, and
 * the checkout's own packages, by links.
 *
 * @returns the app's folder.
 */
export async function installApp({ folder, run, tarball }: Installation, name: string): Promise<string> {
  const app = join(folder, 'examples', name);
  for (const one of [name, 'fashion-mnist']) {
    const from = join(root, 'examples', one);
    const filter = (path: string) => !/[/\\](node_modules|dist)$/.test(path);
    await cp(from, join(folder, 'examples', one), { recursive: true, filter });
  }
  const modules = join(app, 'node_modules');
  const library = join(modules, 'vgg-blocks');
  await mkdir(library, { recursive: true });
  await run('tar', '-xzf', tarball, '-C', library, '--strip-components=1');
  const { dependencies, devDependencies } = await manifest(app);
  const { dependencies: inside } = await manifest(library);
  for (const dependency of Object.keys({ ...dependencies, ...devDependencies, ...inside })) {
    if (dependency === 'vgg-blocks') continue;
    await mkdir(dirname(join(modules, dependency)), { recursive: true });
    await symlink(join(root, 'node_modules', dependency), join(modules, dependency));
  }
  return app;
}

/** The ranges of an app's packages, and of the same packages in the checkout; the library's is its version. */
export async function rangesOf(name: string): Promise<[own: Manifest, checkout: Record<string, string>]> {
  const { version, devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return [await manifest(join(root, 'examples', name)), { ...devDependencies, 'vgg-blocks': `^${version}` }];
}

/** A server that was started with npm's script `start`. */
export interface StartedApp {
  url: string;
  stop(): Promise<void>;
}

/** Starts a Node app on a free port; the first line that it prints is its address. */
export async function startApp(app: string): Promise<StartedApp> {
  const child: ChildProcess = spawn(process.execPath, ['server.js'], {
    cwd: app,
    env: { ...process.env, NODE_OPTIONS: '', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const lines = createInterface(child.stdout!);
  const [url] = await Promise.race([
    once(lines, 'line'),
    exit.then(([code]) => {
      throw new Error(`The app ended with code ${code} before it answered.`);
    }),
  ]);
  return {
    url,
    async stop() {
      child.kill();
      await exit;
    },
  };
}
