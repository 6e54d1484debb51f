import type { Plan } from 'vgg-blocks';
import { misfits } from '../state/fits.js';
import { device, network, text } from '../state/page.js';
import { bytes } from './format.js';

/** Why training the network does not fit this device, if so. */
export function Misfits({ plan }: { plan: Plan }) {
  const t = text.value.misfit;
  const found = misfits(plan, network.value.choice, device.value);
  if (found.length === 0) return null;
  const sure = found.some(({ why }) => why !== 'memory');
  return (
    <div class="note warn" role="status">
      <strong>{sure ? t.title : t.maybe}</strong>
      {found.map((one) => (
        <p key={one.why}>
          {one.why === 'buffer'
            ? t.buffer(bytes(one.needs), bytes(one.has), one.layer)
            : t[one.why](bytes(one.needs), bytes(one.has))}
        </p>
      ))}
    </div>
  );
}
