import { BYTES, checkArguments, kind, SEQUENCE, TEXT } from '../../base/arguments.js';
import { fail, shown } from '../../base/check.js';
import { concat } from '../../io/bytes.js';
import type { Source } from '../../io/source.js';

/**
 * Where a run keeps its checkpoints: `folderStore` of `vgg-blocks/node`, {@link opfsStore} or
 * {@link indexedDbStore} in browsers, {@link memoryStore}, or an object of your own.
 */
export interface CheckpointStore {
  /** Its name in messages: the path of the folder, the name of the database. */
  readonly name: string;
  /**
   * Takes the store for one run, and returns a function that releases it.
   *
   * @throws Error, one sentence, when another run has it.
   */
  lock(): Promise<() => Promise<void>>;
  /** The names of the checkpoints in it, in any order. */
  list(): Promise<string[]>;
  /** A checkpoint's bytes, or where they are. */
  open(name: string): Promise<Source>;
  /**
   * Stores a checkpoint completely or not at all, in place of one with the same name.
   *
   * @throws Error, one sentence, when there is no room.
   */
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Removes a checkpoint; one that does not exist is no error. */
  remove(name: string): Promise<void>;
}

// Of a folder's file, which is in that folder.
const NAME = kind('a name without slashes', (value) => TEXT.holds(value) && !/[/\\]/.test(value as string));

/** The stores of the library, which always answer. */
const own = new WeakSet<CheckpointStore>();

/** Whether a store is one of the library's. */
export const isOwnStore = (store: CheckpointStore): boolean => own.has(store);

/** A store of the library that checks what its functions get; `where` is the function that returned it. */
export function checkedStore(where: string, store: CheckpointStore): CheckpointStore {
  const checkName = (name: string) => checkArguments(where, { name }, { name: NAME });
  const checked: CheckpointStore = {
    ...store,
    async open(name) {
      checkName(name);
      return store.open(name);
    },
    async write(name, content) {
      checkName(name);
      checkArguments(where, { content }, { content: SEQUENCE });
      await store.write(name, bytesIn(where, content));
    },
    async remove(name) {
      checkName(name);
      await store.remove(name);
    },
  };
  own.add(checked);
  return checked;
}

async function* bytesIn(where: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    checkArguments(where, { chunk }, { chunk: BYTES });
    yield chunk;
  }
}

/** A store in memory, which ends with the process or the page. */
export function memoryStore(): CheckpointStore {
  const contents = new Map<string, Uint8Array>();
  let taken = false;
  return checkedStore('memoryStore', {
    name: 'memory',
    async lock() {
      if (taken)
        throw new Error(
          'memoryStore: another run has this store in memory; wait for it, or create another store.',
        );
      taken = true;
      return async () => {
        taken = false;
      };
    },
    list: async () => [...contents.keys()],
    async open(name) {
      const content = contents.get(name);
      return content ?? fail('memoryStore', `there is no checkpoint ${shown(name)}; use one of list().`);
    },
    async write(name, content) {
      contents.set(name, concat(await collect(content)));
    },
    async remove(name) {
      contents.delete(name);
    },
  });
}

/** All chunks. */
export async function collect(content: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>[]> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of content) chunks.push(chunk as Uint8Array<ArrayBuffer>);
  return chunks;
}
