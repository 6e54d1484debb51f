import { useEffect, useRef, useState } from 'preact/hooks';

/** The pixel that is explained, and whether it moves by itself. */
export interface Sweep {
  pixel: number;
  playing: boolean;
  toggle(): void;
  pick(pixel: number): void;
}

/** Seconds in which the window crosses a map. */
const CROSSING = 20;
/** The limits of a step in milliseconds, and the time for the numbers to be read before the first. */
const STEP = { minimum: 40, maximum: 300, first: 1500 };

/**
 * The window moves over the map by itself until a person takes over, unless the system asks for less motion.
 *
 * @param layer in which a pixel that was picked stays.
 * @param first where it begins, and moves to when that changes and no pixel was picked.
 * @param still whether it waits meanwhile.
 */
export function useSweep(pixels: number, layer: string, first: number, still: boolean): Sweep {
  const [pixel, setPixel] = useState(first);
  const [wanted, setWanted] = useState(true);
  const [picked, setPicked] = useState<string | undefined>(undefined);
  const [calm, setCalm] = useState(() => lessMotion().matches);
  const pressed = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const playing = wanted && !calm && !still;
  useEffect(() => {
    const media = lessMotion();
    const change = () => setCalm(media.matches);
    media.addEventListener('change', change);
    return () => media.removeEventListener('change', change);
  }, []);
  useEffect(() => {
    if (picked !== layer) setPixel(first);
  }, [layer, first, pixels]);
  useEffect(() => {
    if (!playing) return;
    const pause = Math.min(STEP.maximum, Math.max(STEP.minimum, (1000 * CROSSING) / pixels));
    const step = () => {
      setPixel((now) => (now + 1) % pixels);
      timer.current = setTimeout(step, pause);
    };
    timer.current = setTimeout(step, pressed.current ? pause : STEP.first);
    pressed.current = false;
    return () => clearTimeout(timer.current);
  }, [playing, layer, first, pixels]);
  return {
    pixel: Math.min(pixel, pixels - 1),
    playing,
    toggle: () => {
      pressed.current = true;
      setPicked(undefined);
      setCalm(false);
      setWanted(!playing);
    },
    pick: (next) => {
      // A step that is due before the next paint would leave the pixel.
      clearTimeout(timer.current);
      setWanted(false);
      setPicked(layer);
      setPixel(next);
    },
  };
}

function lessMotion(): MediaQueryList {
  return matchMedia('(prefers-reduced-motion: reduce)');
}
