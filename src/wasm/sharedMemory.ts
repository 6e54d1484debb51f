/** The package of tfjs's wasm backend, and its binaries. */
const PACKAGE = '@tensorflow/tfjs-backend-wasm';
const BINARIES = [
  'tfjs-backend-wasm.wasm',
  'tfjs-backend-wasm-simd.wasm',
  'tfjs-backend-wasm-threaded-simd.wasm',
] as const;

/** The section of a WebAssembly module that declares its memories. */
const MEMORY_SECTION = 5;

/**
 * In Node, makes tfjs's wasm backend share its memory between threads, if it has not started yet. Node runs tfjs's build of one
 * thread, since that of several does not start there (tensorflow/tfjs#3830), but a memory is declared as shared by a single bit.
 * In a page tfjs's threaded build shares its memory anyway.
 */
export function shareBackendMemory(): void {
  const builtin = globalThis.process?.getBuiltinModule;
  if (!builtin) return;
  const { require, file } = findPackage(builtin('node:module').createRequire);
  const binary = builtin('node:fs').readFileSync(file);
  shareMemory(binary);
  const url = URL.createObjectURL(new Blob([binary]));
  require(PACKAGE).setWasmPaths(Object.fromEntries(BINARIES.map((name) => [name, url])), true);
}

function findPackage(createRequire: (from: string) => NodeJS.Require) {
  try {
    const require = createRequire(import.meta.url);
    return { require, file: require.resolve(`${PACKAGE}/dist/${BINARIES[1]}`) };
  } catch (cause) {
    throw new Error(
      `installWasmKernels: several threads need the files of ${PACKAGE} 4.22 in node_modules, which were not found; install that package beside this one and leave both out of bundles, or install the kernels with one thread.`,
      { cause },
    );
  }
}

/** Sets the bit that declares a module's own memory as shared. */
export function shareMemory(module: Uint8Array): void {
  // A section is its number, its length as LEB128 and its contents.
  for (let at = 8; at < module.length; ) {
    const section = module[at++];
    let length = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = module[at++]!;
      length |= (byte & 0x7f) << shift;
    }
    // The contents are how many memories there are, then the first one's flags.
    if (section === MEMORY_SECTION) module[at + 1]! |= 2;
    at += length;
  }
}
