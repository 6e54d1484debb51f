import { isError } from './realm.js';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links form a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the path is too long',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EPERM: 'permission denied',
  ERR_INVALID_FILE_URL_HOST: 'a file: URL names no other machine here',
  ERR_INVALID_FILE_URL_PATH: 'the path of the URL has an encoded slash',
  ERR_INVALID_URL_SCHEME: 'only http:, https:, data:, blob: and file: URLs can be read',
  ERR_INVALID_URL: 'it is not a valid URL',
  ERR_INVALID_ARG_VALUE: 'no path has a null character',
};

/** Why a system call failed for a path, as a clause; undefined for other errors. */
export function systemReason(error: unknown): string | undefined {
  return isError(error) && 'code' in error ? REASONS[String(error.code)] : undefined;
}
