import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Preloaded into a program under test, which sends itself the environment's SIGNALS (SIGKILL if there are none) once it has
 * printed the text in SIGNAL_AT, or given a file a name with that text. From outside they might come too late on a busy machine.
 */
const { SIGNAL_AT, SIGNALS = 'SIGKILL' } = process.env;
if (SIGNAL_AT) {
  let signals = SIGNALS.split(',');
  const done = (text) => {
    if (!String(text).includes(SIGNAL_AT)) return;
    for (const signal of signals) process.kill(process.pid, signal);
    signals = [];
  };
  const { write } = process.stdout;
  process.stdout.write = function (...all) {
    const result = write.apply(this, all);
    done(all[0]);
    return result;
  };
  const { rename } = fs.promises;
  fs.promises.rename = async (from, to) => {
    await rename(from, to);
    done(to);
  };
  syncBuiltinESMExports();
}
