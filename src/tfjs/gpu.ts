import { backend, getBackend } from '@tensorflow/tfjs-core';

/** The GPU that the current backend computes on, as far as it can be known: GPUs round differently. Undefined on other backends. */
export function gpuName(): string | undefined {
  switch (getBackend()) {
    case 'webgpu':
      return webgpuName(backend() as unknown as WebgpuBackend);
    case 'webgl':
      return webglName((backend() as unknown as { gpgpu: { gl: WebGLRenderingContext } }).gpgpu.gl);
    default:
      return undefined;
  }
}

/** What is used of tfjs's WebGPU backend; older browsers have no information in the device. */
interface WebgpuBackend {
  device: { adapterInfo?: AdapterInfo };
  adapterInfo: AdapterInfo;
}

type AdapterInfo = Partial<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;

function webgpuName({ device, adapterInfo }: WebgpuBackend): string | undefined {
  const info = device.adapterInfo ?? adapterInfo;
  const parts = [info.vendor, info.architecture, info.device, info.description].filter(Boolean);
  return parts.length > 0 ? parts.join(' ') : undefined;
}

function webglName(gl: WebGLRenderingContext): string {
  const unmasked = gl.getExtension('WEBGL_debug_renderer_info')?.UNMASKED_RENDERER_WEBGL;
  return String(gl.getParameter(unmasked ?? gl.RENDERER));
}
