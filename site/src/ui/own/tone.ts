/** Colors of classes; then they begin again. */
const TONES = 6;

/** The style of a class's color, by its place. */
export function toneOf(place: number): string {
  return `tone${place % TONES}`;
}
