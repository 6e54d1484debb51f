import { fail } from '../../base/check.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { type CheckpointStore, isOwnStore } from './store.js';

/** A store of the caller's, of which nothing is waited for beyond an abort that comes meanwhile. */
export interface StoppedStore extends CheckpointStore {
  /** Whether something of it was given up, after which there is no use in asking it again. */
  readonly isStuck: boolean;
}

/** The library's own stores answer, and what they are writing when a run is stopped is the last checkpoint of it. */
export function untilAborted(store: CheckpointStore, given: AbortSignal | undefined): StoppedStore {
  const signal = isOwnStore(store) ? undefined : given;
  let isStuck = false;
  const asked = async <T>(ask: () => Promise<T>, drop?: (late: T) => unknown): Promise<T> => {
    let isOver = false;
    const answer = async () => {
      try {
        return await ask();
      } finally {
        isOver = true;
      }
    };
    try {
      return await unlessAborted(signal, answer, drop);
    } catch (error) {
      isStuck ||= !isOver;
      throw error;
    }
  };
  return {
    name: store.name,
    get isStuck() {
      return isStuck;
    },
    lock: () =>
      asked(
        () => store.lock(),
        (release) => release(),
      ),
    list: () => asked(() => store.list()),
    open: (name) => asked(() => store.open(name)),
    async write(name, content) {
      const taken = untilCut(content);
      try {
        await asked(() => store.write(name, taken.parts));
        if (!taken.isWhole)
          fail(
            'train',
            'write() of checkpoint.store ended before it had taken all of the content; return a promise that resolves once the checkpoint is stored.',
          );
      } catch (error) {
        taken.cut();
        throw error;
      }
    },
    remove: (name) => asked(() => store.remove(name)),
  };
}

/** Content that fails once it is cut, so that a store that is slow does not mix weights of other times into a checkpoint. */
function untilCut(content: AsyncIterable<Uint8Array>) {
  let isCut = false;
  let isWhole = false;
  const parts = async function* () {
    for await (const part of content) {
      if (isCut) throw new Error('the run was stopped before this checkpoint was written.');
      yield part;
    }
    isWhole = true;
  };
  return {
    parts: parts(),
    /** Whether all of it was taken. */
    get isWhole() {
      return isWhole;
    },
    cut: () => {
      isCut = true;
    },
  };
}
