import { isError, messageOf } from './realm.js';

const NO_SERVER = 'there is no server of this name, or no connection to the internet';

const NOT_UTF8 = 'its name is not UTF-8';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAI_AGAIN: NO_SERVER,
  ECONNREFUSED: 'the server refuses connections',
  ECONNRESET: 'the server closed the connection',
  EIO: 'the system cannot read or write it',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links form a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the path is too long',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  ENOTFOUND: NO_SERVER,
  EPERM: 'permission denied',
  ETIMEDOUT: 'the server does not answer',
  ERR_ACCESS_DENIED: 'Node was started without the permission for it',
  ERR_FS_EISDIR: 'it is a folder',
  ERR_INVALID_FILE_URL_HOST: 'a file: URL names no other machine here',
  ERR_INVALID_FILE_URL_PATH: 'the path of the URL has an encoded slash',
  ERR_INVALID_URL_SCHEME: 'only http:, https:, data:, blob: and file: URLs can be read',
  ERR_INVALID_URL: 'it is not a valid URL',
  ERR_INVALID_ARG_VALUE: 'no path has a null character',
};

/** Why a system call failed, as a clause: for a known code in our words, for another in the system's; undefined for other errors. */
export function systemReason(error: unknown): string | undefined {
  if (!isError(error) || !('code' in error)) return undefined;
  if (isAbsent(error) && isMisnamed(error)) return NOT_UTF8;
  // Such as "ENXIO: no such device or address, open '/dev/tty'".
  return REASONS[String(error.code)] ?? /^E[A-Z\d]+: ([^,]+), \w/.exec(error.message)?.[1];
}

/** Why something failed: as {@link systemReason}, or what the error says. */
export function failureReason(error: unknown): string {
  return systemReason(error) ?? messageOf(error);
}

/** Whether a path lost bytes that are not UTF-8 when it became a text, by which nothing is found. */
export function isMisnamed(error: unknown): boolean {
  return String((error as { path?: unknown }).path).includes('\ufffd');
}

/** Whether a system call failed because nothing is at the path. */
export function isAbsent(error: unknown): boolean {
  return isError(error) && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
