import '../../style/paint.css';
import { useEffect } from 'preact/hooks';
import { viewDrop } from '../../state/files.js';
import { notice } from '../../state/lab.js';
import { isImage } from '../../state/own/given.js';
import { isPainting, type Role, startPictures, takeOwn } from '../../state/style.js';
import { CompareCard } from './compareCard.js';
import { PaintCard } from './paintCard.js';

void startPictures();

/** What features are good for besides classes: to paint, and to compare. */
export function StyleView() {
  useEffect(() => {
    viewDrop.value = takeDrop;
    return () => {
      viewDrop.value = undefined;
    };
  }, []);
  return (
    <div class="stack">
      <PaintCard />
      <CompareCard />
    </div>
  );
}

/** Takes a dropped image: as the style if it was dropped there, or else as the image to paint. */
function takeDrop(event: DragEvent): boolean {
  const file = [...event.dataTransfer!.files].find(isImage);
  if (!file) return false;
  const place = (event.target as Element | null)?.closest?.<HTMLElement>('[data-drop]')?.dataset.drop;
  if (isPainting.value) notice.value = { tone: 'warn', text: (t) => t.style.later };
  else void takeOwn((place as Role | undefined) ?? 'content', file);
  return true;
}
