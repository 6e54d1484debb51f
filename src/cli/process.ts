import { constants, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { failureReason } from '../base/systemReason.js';
import { complain } from './wording.js';

/** The signals that end a command, with the exit codes that shells report for them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Stops the run in progress, if there is one. */
let stopRun: (() => void) | undefined;

/**
 * Signals this close, in milliseconds, are one: of Ctrl-C under `npx`, a process gets one from the terminal and one from npm, and
 * one that computes sees what has come meanwhile together.
 */
const ONE_SIGNAL_MS = 500;

/**
 * Ends the process on signals by `process.exit`, which removes unfinished files, or stops the run in progress first. Under
 * `nohup` the end of the terminal (SIGHUP) changes nothing.
 */
export function handleSignals(): void {
  let isStopping = false;
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const handle = () => {
      if (isStopping || (signal === 'SIGHUP' && isUnderNohup())) return;
      if (!stopRun) process.exit(code);
      process.exitCode = code;
      isStopping = true;
      stopRun();
      setTimeout(endAtOnce, ONE_SIGNAL_MS).unref();
    };
    process.on(signal, handle);
    return { signal, handle };
  });
  /** Leaves the next signal to the system, which ends the process at once, even while it computes. */
  const endAtOnce = () => {
    for (const { signal, handle } of handlers) {
      if (signal !== 'SIGHUP' || !isUnderNohup()) process.off(signal, handle);
    }
  };
}

/**
 * Whether the process was started by `nohup`, whose only trace is this, since Node resets the signals that it ignores: shells
 * name it in `_`, and instead of the terminal GNU's gives a `/dev/null` that cannot be read.
 */
function isUnderNohup(): boolean {
  if (basename(process.env._ ?? '') === 'nohup') return true;
  try {
    const [, flags] = /^flags:\s*(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8')) ?? [];
    return (
      readlinkSync('/proc/self/fd/0') === '/dev/null' &&
      (Number.parseInt(flags!, 8) & 3) === constants.O_WRONLY
    );
  } catch {
    // There is no /proc.
    return false;
  }
}

/**
 * Lets the first signal (Ctrl-C, SIGTERM, SIGHUP) stop after the current batch, part of a batch or step, so that the result so far
 * is written. A second one, half a second later or more, ends the process at once.
 */
export function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  stopRun = () => controller.abort();
  return controller.signal;
}

/** Whether the command does nothing but print. */
let onlyPrints = false;

/** Marks a command that does nothing but print, unless `writes` says otherwise: it ends when the reader of its output does. */
export function printing(command: Command, writes: (options: never) => boolean = () => false): Command {
  return command.hook('preAction', (_, action) => {
    onlyPrints = !writes(action.opts() as never);
  });
}

/**
 * Handles output that cannot be written. If its reader has gone, as `head` does after ten lines, commands that only print
 * end, and the others go on silently.
 */
export function handleOutputErrors(): void {
  let reported = false;
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A terminal that was closed answers with EIO.
    const isClosed = error.code === 'EPIPE' || (error.code === 'EIO' && process.stdout.isTTY);
    if (isClosed && onlyPrints) process.exit();
    if (isClosed || reported) return;
    reported = true;
    const [name = 'vgg-blocks'] = process.argv.slice(2).filter((arg) => /^[a-z]/.test(arg));
    const isFull = error.code === 'ENOSPC';
    const reason = isFull ? 'the disk is full; free some space and try again' : failureReason(error);
    complain(`${name}: the output could not be written: ${reason}.`);
    // Help that was printed has set 0.
    process.exitCode ||= 1;
    if (onlyPrints) process.exit();
  });
}
