import { vi } from 'vitest';

/** Until the globals are restored, this is a runtime without Node's modules; vitest, which reports in between, keeps its `process`. */
export function withoutNode(): void {
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
}
