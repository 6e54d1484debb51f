import type { DeviceError, WebgpuBackend } from './backend.js';

/** What went wrong on a device, and nobody has been told yet. */
interface Watch {
  /** Why the device was lost, for good. */
  lost?: string;
  /** The first error since the last report. */
  error?: DeviceError;
}

const watches = new WeakMap<WebgpuBackend, Watch>();

/**
 * Throws if the backend's device was lost, such as by a crash of the driver, or reported an error since the last call, such as
 * memory that ran out. WebGPU itself goes on after either: commands have no effect, and results are zeros.
 */
export function checkDevice(backend: WebgpuBackend, kernel: string): void {
  const watch = watchOf(backend);
  if (watch.lost !== undefined) {
    throw new Error(
      `${kernel}: the WebGPU device was lost (${watch.lost}), and its tensors with it; reload the page or start the process again.`,
    );
  }
  const { error } = watch;
  watch.error = undefined;
  if (!isOpen(error)) return;
  const reason = error.error.message.split('\n')[0]!;
  throw new Error(
    `${kernel}: the WebGPU device reported an error (${reason}), so the numbers computed since are wrong; if memory ran out, use a smaller batch.`,
  );
}

/** Whether nobody deals with an error, as a run of `train` does, which reports it when it next reads its loss. */
function isOpen(error: DeviceError | undefined): error is DeviceError {
  return error !== undefined && !error.defaultPrevented;
}

function watchOf(backend: WebgpuBackend): Watch {
  let watch = watches.get(backend);
  if (!watch) {
    const created: Watch = {};
    watch = created;
    watches.set(backend, created);
    void backend.device.lost.then(({ reason, message }) => {
      created.lost = message || reason;
    });
    backend.device.addEventListener('uncapturederror', (event) => {
      if (!isOpen(created.error)) created.error = event;
    });
  }
  return watch;
}
