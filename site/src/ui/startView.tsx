import { Instrument } from './instrument.js';
import { Pad } from './pad.js';

/** A trained network to play with. */
export function StartView() {
  return (
    <Instrument>
      <Pad />
    </Instrument>
  );
}
