import '../../style/own.css';
import { useEffect } from 'preact/hooks';
import { takeFiles, viewDrop } from '../../state/files.js';
import { tried } from '../../state/own/attempt.js';
import { closeCamera, TRYING } from '../../state/own/camera.js';
import { classes, startClasses } from '../../state/own/classes.js';
import { addFolders, filesIn, isImage } from '../../state/own/given.js';
import { startHead } from '../../state/own/teach.js';
import { ClassesCard } from './classesCard.js';
import { TeachCard } from './teachCard.js';
import { TryCard } from './tryCard.js';

const kept = Promise.all([startClasses(), startHead()]);

/** The visitor's own images: show them, train, and try. */
export function OwnView() {
  useEffect(() => {
    void kept;
    viewDrop.value = takeDrop;
    return () => {
      viewDrop.value = undefined;
      closeCamera();
    };
  }, []);
  return (
    <div class="own-view">
      <ClassesCard />
      <TeachCard />
      <TryCard />
    </div>
  );
}

/** Takes dropped images and folders: to the class, or the attempt, on which they were dropped. */
function takeDrop(event: DragEvent): boolean {
  const transfer = event.dataTransfer!;
  const files = [...transfer.files];
  const hasFolder = [...transfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
  if (!hasFolder && !files.some(isImage)) return false;
  const place = (event.target as Element | null)?.closest?.<HTMLElement>('[data-drop]')?.dataset.drop;
  if (place === TRYING && !hasFolder) {
    closeCamera();
    tried.value = files.find(isImage);
    return true;
  }
  const others = files.filter((file) => !isImage(file));
  if (!hasFolder && others.length > 0) void takeFiles(others);
  void filesIn(transfer).then((given) => addFolders(given, place ?? classes.value[0]!.id));
  return true;
}
