import { useEffect, useState } from 'preact/hooks';

/** The pixel that is explained, and whether it moves by itself. */
export interface Sweep {
  pixel: number;
  playing: boolean;
  toggle(): void;
  pick(pixel: number): void;
}

/** Seconds in which the window crosses a map, and the limits of a step in milliseconds. */
const CROSSING = 20;
const STEP = { minimum: 40, maximum: 300 };

/**
 * The window moves over the map by itself until a person takes over, unless the system asks for less motion.
 *
 * @param first where it begins, and moves to when another layer is chosen.
 */
export function useSweep(pixels: number, first: number, still: boolean): Sweep {
  const [pixel, setPixel] = useState(first);
  const [wanted, setWanted] = useState(() => !matchMedia('(prefers-reduced-motion: reduce)').matches);
  const playing = wanted && !still;
  useEffect(() => setPixel(first), [first, pixels]);
  useEffect(() => {
    if (!playing) return;
    const pause = Math.min(STEP.maximum, Math.max(STEP.minimum, (1000 * CROSSING) / pixels));
    const timer = setInterval(() => setPixel((now) => (now + 1) % pixels), pause);
    return () => clearInterval(timer);
  }, [playing, pixels]);
  return {
    pixel: Math.min(pixel, pixels - 1),
    playing,
    toggle: () => setWanted(!playing),
    pick: (next) => {
      setWanted(false);
      setPixel(next);
    },
  };
}
