import { isUrl } from '../base/realm.js';
import { baseUrl, nodeModules } from './runtime.js';
import { isPath } from './source.js';

/**
 * The file at a path that another file names, such as a weight file of a `model.json`. It must be in the folder of that file or
 * below, because the path is untrusted: it is resolved first, as `URL` does (which drops blanks, tabs and newlines and decodes
 * `%2e`), and only then compared. Symbolic links in the folder are followed, since nothing that was downloaded made them.
 *
 * @param source the file's own path or URL. Its query, such as `?token=...`, is kept, unless `path` has one.
 * @returns undefined if the path leads out of the folder, or `source` has no folder (a `data:` or `blob:` URL).
 */
export function siblingOf(source: string | URL, path: string): string | URL | undefined {
  if (!isInnerPath(path)) return undefined;
  const node = nodeModules();
  if (node && isPath(source) && !isUrl(source) && !/^file:/i.test(source)) {
    // Resolved, because a relative one could look like a URL.
    const folder = node.path.dirname(node.path.resolve(source));
    const file = node.path.resolve(folder, path);
    const inside = node.path.relative(folder, file);
    return inside === '' || /^\.\.([/\\]|$)/.test(inside) || node.path.isAbsolute(inside) ? undefined : file;
  }
  const base = parse(String(source), baseUrl());
  const file = base && parse(path, base.href);
  const folder = base && parse('.', base.href);
  if (!file || !folder || !isWithin(file, folder)) return undefined;
  if (file.search === '') file.search = base.search;
  return file;
}

/** Whether a path in a file stays in that file's folder, wherever the folder is. */
export function isInnerPath(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are refused.
  if (/[\0-\x1f\x7f]/.test(path)) return false;
  return FOLDERS.every((folder) => {
    const file = parse(path, folder);
    return file !== undefined && isWithin(file, new URL(folder));
  });
}

/** Two, so that no path can name the one that it is compared with. */
const FOLDERS = ['https://a.invalid/in/', 'https://b.invalid/in/'];

function isWithin(file: URL, folder: URL): boolean {
  const same = (['protocol', 'host', 'username', 'password'] as const).every(
    (part) => file[part] === folder[part],
  );
  if (!same || !file.pathname.startsWith(folder.pathname)) return false;
  const inside = decoded(decoded(file.pathname.slice(folder.pathname.length)));
  // A server or a file system may decode what URL leaves encoded, such as ..%2f.
  return inside !== '' && !inside.startsWith('/') && !inside.split(/[/\\]/).includes('..');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parse(url: string, base: string | undefined): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
