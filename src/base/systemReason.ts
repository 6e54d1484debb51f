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
  ERR_INVALID_ARG_VALUE: 'no path has a null character',
};

/** Why a system call failed for a path, as a clause; undefined for other errors. */
export function systemReason(error: unknown): string | undefined {
  return isError(error) && 'code' in error ? REASONS[String(error.code)] : undefined;
}
