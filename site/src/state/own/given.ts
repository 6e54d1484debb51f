import { notice } from '../lab.js';
import { addClass, addImages, classes, images, nameOf, removeClass } from './classes.js';

/** An image by its path in a folder, or its name alone. */
interface Given {
  path: string;
  file: File;
}

const IMAGE = /\.(jpe?g|png|gif|webp|avif|bmp|p[bgpn]m|heic|heif|tiff?|jxl|svg)$/i;

/** Whether a file is probably an image; what it is its first bytes say. */
export function isImage({ name, type }: File): boolean {
  return type.startsWith('image/') || IMAGE.test(name);
}

/** Whether a file was left by a file manager, as macOS leaves `._1.jpg`. */
function isLeftBehind(path: string): boolean {
  return path.split('/').some((part) => /^\.|^__MACOSX$|^(Thumbs\.db|desktop\.ini)$/i.test(part));
}

/** The files that were dropped, with those in dropped folders. */
export async function filesIn(transfer: DataTransfer): Promise<Given[]> {
  // Both lists are empty once the event is over.
  const files = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? undefined);
  if (!entries.some((entry) => entry?.isDirectory)) return files.map((file) => ({ path: file.name, file }));
  const found = await Promise.all(entries.filter((entry) => entry !== undefined).map(walk));
  return found.flat();
}

async function walk(entry: FileSystemEntry): Promise<Given[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: FileSystemEntry[] = [];
  // Chromium gives a hundred at a time.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    all.push(...some);
  }
  return (await Promise.all(all.map(walk))).flat();
}

/**
 * Adds images by the folders that they lie in: each becomes a class, or is added to that of its name. Images outside of folders go
 * to the class that they were given to.
 */
export async function addFolders(given: readonly Given[], otherwise: string): Promise<void> {
  const found = given.filter(({ path, file }) => isImage(file) && !isLeftBehind(path));
  if (found.length === 0) {
    notice.value = { tone: 'warn', text: (t) => t.ownImages.classes.noImages };
    return;
  }
  const folders = [...new Set(found.map(({ path }) => folderOf(path)))].filter((one) => one !== '').sort();
  const idOf = new Map(folders.map((folder) => [folder, classOf(folder)]));
  if (idOf.size > 0) dropEmpty([...idOf.values()]);
  await addImages(found.map(({ path, file }) => ({ file, of: idOf.get(folderOf(path)) ?? otherwise })));
}

/** The folder that a file lies in, without those around it; empty without one. */
function folderOf(path: string): string {
  return path.split('/').at(-2) ?? '';
}

/** The class of a folder's name, made if there is none. */
function classOf(folder: string): string {
  const same = classes.value.find((one) => nameOf(one).toLowerCase() === folder.toLowerCase());
  return (same ?? addClass(folder)).id;
}

/** Removes classes that nobody has named or filled, now that there are others. */
function dropEmpty(used: readonly string[]): void {
  for (const one of classes.value) {
    const isEmpty = !one.name && !used.includes(one.id) && !images.value.some(({ of }) => of === one.id);
    if (isEmpty) removeClass(one);
  }
}
