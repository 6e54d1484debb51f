/** What a page of places.ts is asked to do, as JSON behind the # of its address. */
export interface PageTask {
  /** The address of the model's file. */
  file: string;
  /** The address of the image, float32 `[height, width, channels]`. */
  image: string;
  shape: readonly [height: number, width: number, channels: number];
  threads: number;
}

/** What such a page then has, as `globalThis.place`. */
export interface PagePlace {
  /** Milliseconds from the navigation to the first prediction. */
  cold: number;
  logits: number[];
  /** Predicts the image again. */
  predict(): Promise<unknown>;
}

export const taskOfPage = (): PageTask => JSON.parse(decodeURIComponent(location.hash.slice(1)));

export async function imageOfPage({ image }: PageTask): Promise<Float32Array> {
  return new Float32Array(await (await fetch(image)).arrayBuffer());
}

/** Predicts for the first time, and leaves the rest to the benchmark, which is no part of the page. */
export async function ready(predict: () => Promise<ArrayLike<number>>): Promise<void> {
  const logits = Array.from(await predict());
  const place: PagePlace = { cold: performance.now(), logits, predict };
  Object.assign(globalThis, { place });
}
