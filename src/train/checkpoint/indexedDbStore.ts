import { checkArguments, TEXT } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { messageOf } from '../../base/realm.js';
import { originLock } from './originLock.js';
import { type CheckpointStore, checkedStore, collect } from './store.js';

/** The object store of the checkpoints, as blobs by their names. */
const TABLE = 'checkpoints';

/**
 * Checkpoints in a browser's IndexedDB, where they outlive the page. One tab at a time may use a database.
 *
 * @param name of the database.
 * @throws RangeError where there is no IndexedDB, as in Node.
 * @example
 * await train(model, sets, { checkpoint: { store: indexedDbStore('garments'), resume: true } });
 */
export function indexedDbStore(name: string): CheckpointStore {
  checkArguments('indexedDbStore', { name }, { name: TEXT });

  if (typeof indexedDB === 'undefined') {
    fail('indexedDbStore', 'this runtime has no IndexedDB; use folderStore in Node, or memoryStore.');
  }
  const use = async <T>(
    mode: IDBTransactionMode,
    work: (table: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    const database = await opened(name);
    try {
      // Flushed to disk before it counts as done.
      const transaction = database.transaction(TABLE, mode, { durability: 'strict' });
      const request = work(transaction.objectStore(TABLE));
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
      return request.result;
    } catch (error) {
      throw new Error(
        `the database ${name} could not be used: ${messageOf(error)}; free some space, or allow the page to store data.`,
        { cause: error },
      );
    } finally {
      database.close();
    }
  };
  return checkedStore('indexedDbStore', {
    name: `the database ${name}`,
    lock: async () => originLock(`vgg-blocks/${name}`, `the database ${name}`),
    list: async () => (await use('readonly', (table) => table.getAllKeys())) as string[],
    open: async (key) => (await use('readonly', (table) => table.get(key))) as Blob,
    async write(key, content) {
      const blob = new Blob(await collect(content));
      await use('readwrite', (table) => table.put(blob, key));
    },
    remove: (key) => use('readwrite', (table) => table.delete(key)),
  });
}

function opened(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
