import { snapshot, trained } from '../state/lab.js';
import { text } from '../state/page.js';
import { type Saveable, saveable, saveSafetensors, saveSnapshot, saveTfjs } from '../state/save.js';
import type { SavedSlot, Slot } from '../worker/messages.js';

/** The formats that a network can be saved in. */
export function SaveNetwork({ slot }: { slot: Slot }) {
  return <Saves network={saveable(slot)} />;
}

/** The formats that any network can be saved in. */
export function Saves({ network }: { network: Saveable }) {
  const t = text.value.save;
  const { slot }: { slot: SavedSlot } = network;
  const lost = slot === 'trained' && !trained.value && snapshot.value;
  return (
    <div class="saves">
      <span>{t.title}</span>
      {lost ? (
        <button type="button" class="chip" onClick={saveSnapshot}>
          {t.rescued(lost.epoch)}
        </button>
      ) : (
        <>
          <button type="button" class="chip" onClick={() => saveTfjs(network)}>
            {t.tfjs}
          </button>
          <button type="button" class="chip" onClick={() => saveSafetensors(network, 'torchvision')}>
            {t.safetensors}
          </button>
          <button type="button" class="chip" onClick={() => saveSafetensors(network, 'keras')}>
            {t.keras}
          </button>
        </>
      )}
    </div>
  );
}
