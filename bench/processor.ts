import { cpus } from 'node:os';

/** The processor's name without marks, such as 'Intel Xeon' or 'AMD EPYC'. */
export function processorName(model = cpus()[0]?.model): string {
  return model?.replace(/\((R|TM)\)/g, '').replace(/ Processor\b.*/, '') || 'an unknown processor';
}
