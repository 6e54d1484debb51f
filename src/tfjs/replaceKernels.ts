import {
  getKernel,
  type KernelConfig,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerKernel,
  unregisterKernel,
} from '@tensorflow/tfjs-core';

/** Kernels of the library for a backend of tfjs. */
export interface Replacements<Installation> {
  backend: string;
  /** By tfjs's names; each takes what `toolsOf` gives, `inputs`, `attrs` and `stock`, the backend's own kernel. */
  kernels: Readonly<Record<string, unknown>>;
  toolsOf(backend: unknown): object;
  /** Called whenever the backend is set, so first when it has started. */
  setUp?(backend: unknown): void;
  /** Marks the kernels, for {@link markOf}. */
  mark: symbol;
  installation: Installation;
}

/** Registers kernels in place of a backend's own, and returns what restores those. */
export function replaceKernels<Installation>({
  backend: backendName,
  kernels,
  toolsOf,
  setUp,
  mark,
  installation,
}: Replacements<Installation>): () => void {
  const stock = Object.keys(kernels).map(
    (name) => [name, getKernel(name, backendName) as KernelConfig | undefined] as const,
  );
  for (const [name, config] of stock) {
    const kernel = kernels[name] as (call: object) => ReturnType<KernelFunc>;
    const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
      kernel({
        ...toolsOf(backend),
        inputs,
        attrs: attrs ?? {},
        stock: (inputs: NamedTensorInfoMap, attrs: NamedAttrMap) =>
          config!.kernelFunc({ inputs, attrs, backend }),
      });
    Object.assign(kernelFunc, { [mark]: installation });
    const setupFunc: KernelConfig['setupFunc'] = (backend) => {
      config?.setupFunc?.(backend);
      setUp?.(backend);
    };
    register(backendName, name, { kernelName: name, backendName, ...config, kernelFunc, setupFunc });
  }
  return () => {
    for (const [name, config] of stock) register(backendName, name, config);
  };
}

/**
 * What marks the kernels of a backend. All copies of this module, such as the ESM and CommonJS builds, share tfjs's registry, so each
 * finds what another has installed.
 */
export function markOf<Installation>(mark: symbol, backend: string): Installation | undefined {
  const kernel = getKernel('Conv2D', backend)?.kernelFunc;
  return (kernel as unknown as Record<symbol, Installation> | undefined)?.[mark];
}

/** Registers a kernel, or none, in place of the current one, which tfjs would otherwise warn about. */
function register(backend: string, name: string, config: KernelConfig | undefined): void {
  if (getKernel(name, backend)) unregisterKernel(name, backend);
  if (config) registerKernel(config);
}
