import { Instrument } from './instrument.js';

/** A trained network to play with. */
export function StartView() {
  return <Instrument />;
}
