import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The checkout's files that the package may hold, and some that it may not. */
const CHECKOUT = [
  ...['package.json', 'LICENSE', 'NOTICE', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...['docs', 'examples', 'src', 'test'],
];

/** A user's dependencies besides the library. */
const DEPENDENCIES = [
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-layers',
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
  '@types/node',
];

/** The library, built, packed and installed into an empty project. */
export interface Installation {
  /** The packed library's path. */
  tarball: string;
  /** The paths of the files in it. */
  files: string[];
  /** The project's folder. */
  folder: string;
  /** Writes a file of the project and returns its path. */
  write(name: string, text: string): Promise<string>;
  /** Runs a program in the project; returns its standard output, and rejects with all its output when it fails. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Runs a tool of the checkout in the project: the path of its script below `node_modules`. */
  runTool(script: string, ...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

/** Builds the library apart from the checkout's own `dist`, packs it and installs it as its users do. */
export async function install(): Promise<Installation> {
  const parent = await mkdtemp(join(tmpdir(), 'vgg-blocks-package-'));
  const [stage, folder] = [join(parent, 'stage'), join(parent, 'project')];
  await mkdir(stage);
  await mkdir(folder);
  const tool = (script: string) => join(root, 'node_modules', script);
  const runIn = (cwd: string, script: string, args: string[]) =>
    run(cwd, process.execPath, [tool(script), ...args]);
  await runIn(root, 'tsup/dist/cli-default.js', ['--silent', '--out-dir', join(stage, 'dist')]);
  for (const name of CHECKOUT) {
    const filter = (path: string) => path !== join(root, 'docs/api');
    await cp(join(root, name), join(stage, name), { recursive: true, filter });
  }
  const [packed] = JSON.parse(
    await run(stage, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', parent]),
  );
  const tarball = join(parent, packed.filename);

  // The checkout's lock file has the versions, which `npm ci` left in npm's cache: nothing is downloaded.
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const { version } = lock.packages[''];
  const versions = DEPENDENCIES.map((name) => [name, lock.packages[`node_modules/${name}`].version]);
  const dependencies = { 'vgg-blocks': `file:${tarball}`, ...Object.fromEntries(versions) };
  const project = { name: 'project', private: true, dependencies };
  const packages = { ...lock.packages, '': { name: project.name, dependencies } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(project));
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, version, packages }));
  await run(folder, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund']);
  return {
    tarball,
    files: packed.files.map(({ path }: { path: string }) => path),
    folder,
    async write(name, text) {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    },
    run: (program, ...args) => run(folder, program, args),
    runTool: (script, ...args) => runIn(folder, script, args),
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

async function run(cwd: string, program: string, args: string[]): Promise<string> {
  // npm passes the project it runs in to its scripts; the project here is another.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_|^VITEST|^INIT_CWD/i.test(name)),
  );
  try {
    return (await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    // A stack trace may quote the whole of a minified line.
    const output = `${stdout}\n${stderr}`.replace(/(.{400}).+/g, '$1...');
    throw new Error(`${program} ${args.join(' ')} failed:\n${output}`);
  }
}
