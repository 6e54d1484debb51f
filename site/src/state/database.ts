/** What the page keeps in the browser's IndexedDB: runs, their weights, the dropped files, and the visitor's own images. */
const DATABASE = 'vgg-blocks playground';
const TABLES = ['runs', 'weights', 'files', 'images'] as const;
type Table = (typeof TABLES)[number];

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 2);
    request.onupgradeneeded = () => {
      const { result } = request;
      // Some are there since an earlier version.
      for (const table of TABLES) {
        if (!result.objectStoreNames.contains(table)) result.createObjectStore(table);
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function use<T>(
  mode: IDBTransactionMode,
  table: Table,
  work: (table: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await opened();
  try {
    const transaction = database.transaction(table, mode);
    const request = work(transaction.objectStore(table));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return request.result;
  } finally {
    database.close();
  }
}

/** Everything in a table. */
export function readAll<T>(table: Table): Promise<T[]> {
  return use('readonly', table, (one) => one.getAll());
}

export function read<T>(table: Table, key: string): Promise<T | undefined> {
  return use('readonly', table, (one) => one.get(key));
}

/** Stores a value in place of the one with the same key. */
export async function store(table: Table, key: string, value: unknown): Promise<void> {
  await use('readwrite', table, (one) => one.put(value, key));
}

export async function remove(table: Table, key: string): Promise<void> {
  await use('readwrite', table, (one) => one.delete(key));
}
