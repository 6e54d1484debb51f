/**
 * Compiles the kernels to WebAssembly and writes it, as base64, to files that the library imports. The files are rewritten only
 * when the sources, this script or the compiler change.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const KERNELS = here('../src/wasm/binaries.ts');
const SCATTER = here('../src/weights/layout/binary.ts');
const RESIZE = here('../src/images/binary.ts');

/** Compiles unless the files are up to date. */
export async function compileKernels(): Promise<void> {
  const { version } = createRequire(import.meta.url)('assemblyscript/package.json');
  const hash = createHash('sha256').update(version);
  const names = readdirSync(here('.')).sort();
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(here(name)));
  const header = `// Compiled from assembly/ (${hash.digest('hex')}). Do not edit.\n`;
  const isCurrent = (file: string) => existsSync(file) && readFileSync(file, 'utf8').startsWith(header);
  if ([KERNELS, SCATTER, RESIZE].every(isCurrent)) return;
  const resize = await compile('resize.ts', ['simd']);
  write(
    RESIZE,
    `${header}
/** Both passes of a resizing with 128-bit SIMD, ${resize.length} bytes in base64. */
export const RESIZE = '${base64(resize)}';
`,
  );
  const scatter = await compile('scatter.ts', ['simd']);
  write(KERNELS, `${header}${await kernelsModule()}`);
  write(
    SCATTER,
    `${header}
/** \`scatterRows\` with 128-bit SIMD, ${scatter.length} bytes in base64. */
export const SCATTER = '${base64(scatter)}';
`,
  );
}

/** Changes the text of a source file, given its name. */
type Edit = (name: string, text: string) => string;

/** A module of the kernels' two builds. */
export async function kernelsModule(edit?: Edit): Promise<string> {
  const plain = await compile('index.ts', ['simd'], edit);
  const relaxed = await compile('index.ts', ['simd', 'relaxed-simd'], edit);
  return `
/** The kernels with 128-bit SIMD, ${plain.length} bytes in base64. */
export const PLAIN = '${base64(plain)}';

/** The kernels with relaxed SIMD as well, ${relaxed.length} bytes in base64. */
export const RELAXED = '${base64(relaxed)}';
`;
}

function write(file: string, text: string): void {
  // Other processes may be reading or writing it.
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

async function compile(
  source: string,
  features: string[],
  edit: Edit = (_, text) => text,
): Promise<Uint8Array> {
  const { main } = await import('assemblyscript/asc');
  const files = new Map<string, Uint8Array | string>();
  const { error, stderr } = await main(
    [
      ...[source, '--baseDir', here('.'), '--outFile', 'kernels.wasm', '-O3', '--noAssert'],
      // The memory is the backend's: the kernels may use only memory that was allocated for them.
      ...[
        '--importMemory',
        '--noExportMemory',
        '--maximumMemory',
        '65536',
        '--runtime',
        'stub',
        '--use',
        'abort=',
      ],
      // Addresses are 32 bits wide.
      ...['--disableWarning', '201'],
      ...features.flatMap((feature) => ['--enable', feature]),
    ],
    {
      readFile: (name) => (existsSync(here(name)) ? edit(name, readFileSync(here(name), 'utf8')) : null),
      writeFile: (name, contents) => void files.set(name, contents),
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return files.get('kernels.wasm') as Uint8Array;
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

if (process.argv[1] === fileURLToPath(import.meta.url)) await compileKernels();
