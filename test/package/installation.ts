import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a stranger's project has: the packed library, its peers, and TypeScript. */
const DEPENDENCIES = [
  '@tensorflow/tfjs-core@4.22.0',
  '@tensorflow/tfjs-layers@4.22.0',
  '@tensorflow/tfjs-backend-cpu@4.22.0',
  '@tensorflow/tfjs-backend-wasm@4.22.0',
  'typescript@5.9',
  '@types/node@20',
];

/** The library, built, packed and installed into a project that was empty. */
export interface Installation {
  /** The packed library's path. */
  tarball: string;
  /** The paths of the files in it. */
  files: string[];
  /** The project's folder. */
  folder: string;
  /** Writes a file of the project and returns its path. */
  write(name: string, text: string): Promise<string>;
  /** Runs a program in the project; returns what it prints, and rejects with all it said when it fails. */
  run(program: string, ...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Builds the library apart from the checkout's own `dist`, packs it and installs it as its users do. */
export async function install(): Promise<Installation> {
  const parent = await mkdtemp(join(tmpdir(), 'vgg-blocks-package-'));
  const [stage, folder] = [join(parent, 'stage'), join(parent, 'project')];
  await mkdir(stage);
  await mkdir(folder);
  await run(root, process.execPath, [
    'node_modules/tsup/dist/cli-default.js',
    '--silent',
    '--out-dir',
    join(stage, 'dist'),
  ]);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'src', 'test']) {
    await cp(join(root, name), join(stage, name), { recursive: true });
  }
  const [packed] = JSON.parse(await run(stage, 'npm', ['pack', '--json', '--pack-destination', parent]));
  const tarball = join(parent, packed.filename);
  await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true }');
  await run(folder, 'npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    tarball,
    ...DEPENDENCIES,
  ]);
  return {
    tarball,
    files: packed.files.map(({ path }: { path: string }) => path),
    folder,
    async write(name, text) {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    },
    run: (program, ...args) => run(folder, program, args),
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

async function run(cwd: string, program: string, args: string[]): Promise<string> {
  // npm tells its scripts about the project that they run in; the project here is another.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_|^VITEST|^INIT_CWD/i.test(name)),
  );
  try {
    return (await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    // A stack trace may quote the whole of a minified line.
    const said = `${stdout}\n${stderr}`.replace(/(.{400}).+/g, '$1...');
    throw new Error(`${program} ${args.join(' ')} failed:\n${said}`);
  }
}
