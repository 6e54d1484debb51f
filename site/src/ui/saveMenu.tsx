import { snapshot, trained } from '../state/lab.js';
import { text } from '../state/page.js';
import { saveSafetensors, saveSnapshot, saveTfjs } from '../state/save.js';
import type { Slot } from '../worker/main.js';

/** The formats that a network can be saved in. */
export function SaveNetwork({ slot }: { slot: Slot }) {
  const t = text.value.save;
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
          <button type="button" class="chip" onClick={() => saveTfjs(slot)}>
            {t.tfjs}
          </button>
          <button type="button" class="chip" onClick={() => saveSafetensors(slot, 'torchvision')}>
            {t.safetensors}
          </button>
          <button type="button" class="chip" onClick={() => saveSafetensors(slot, 'keras')}>
            {t.keras}
          </button>
        </>
      )}
    </div>
  );
}
