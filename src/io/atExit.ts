const steps = new Set<() => void>();

/**
 * Takes a step when the process exits, which may not wait for anything; of several the last first, and before the listeners of others.
 *
 * @returns a function that gives it up.
 */
export function atExit(step: () => void): () => void {
  if (steps.size === 0) process.prependListener('exit', takeAll);
  steps.add(step);
  return () => {
    if (steps.delete(step) && steps.size === 0) process.off('exit', takeAll);
  };
}

function takeAll(): void {
  for (const step of [...steps].reverse()) {
    try {
      step();
    } catch {}
  }
}
