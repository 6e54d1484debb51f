/** What is wrong with a source: it is not there, it cannot be got at, or its bytes are not what they should be. */
export type DataFault = 'missing' | 'unreadable' | 'damaged';

/** A file, download or set of images that cannot be used. The message is one sentence that says what to do. */
export class DataError extends Error {
  override readonly name = 'DataError';
  /** The path, the URL or the name of what cannot be used. */
  readonly source: string;
  /** What is wrong with it. */
  readonly fault: DataFault;

  constructor(source: string, fault: DataFault, sentence: string, cause?: unknown) {
    super(`${source}: ${sentence}`, cause === undefined ? undefined : { cause });
    this.source = source;
    this.fault = fault;
  }
}

/** What an unknown thrown value says, with the reason that `fetch` hides in its cause. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

/** A connection that broke: what was wanted may come yet. Never leaves this folder. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}
