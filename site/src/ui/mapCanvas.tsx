import { useEffect, useRef } from 'preact/hooks';
import { activationColor } from './colors.js';

/** A map, a pixel for each number, enlarged by the page. */
export function MapCanvas({
  width,
  height,
  value,
  until = Number.POSITIVE_INFINITY,
  deps,
}: {
  width: number;
  height: number;
  /** The number of a pixel, from 0 to 1. */
  value(pixel: number): number;
  /** Pixels from here on are dimmed: they are not computed yet. */
  until?: number;
  /** What the numbers depend on. */
  deps: readonly unknown[];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new ImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      image.data.set([...activationColor(value(pixel)), pixel < until ? 255 : 40], 4 * pixel);
    }
    canvas.current!.getContext('2d')!.putImageData(image, 0, 0);
  }, [...deps, until, width, height]);
  return <canvas ref={canvas} class="map" width={width} height={height} />;
}
