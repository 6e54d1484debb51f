/** The maximum length of a path or URL in a message. */
const MAX_FILE_NAME = 200;

/** What terminals obey, and half characters; the joiners of words and emoji are none. */
export const CONTROLS = /[^\P{C}\u200c\u200d]/gu;

/** A text without control characters, which terminals obey, and without half characters. */
export function plain(text: string): string {
  return text.replace(CONTROLS, '\ufffd');
}

/** The maximum length of a value in a message. */
const MAX_VALUE = 100;

/** A text that was given, in a message: its beginning, if it is long. */
export function printedValue(text: string): string {
  return plain(text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text);
}

/** A path or URL in a message: its end, which tells files apart, if it is long. */
export function printedPath(path: string | URL): string {
  const text = String(path);
  return plain(text.length > MAX_FILE_NAME ? `...${text.slice(3 - MAX_FILE_NAME)}` : text);
}
