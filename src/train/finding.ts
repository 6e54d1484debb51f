/** What can keep a network from learning. */
export type Fault =
  | 'input'
  | 'labels'
  | 'weights'
  | 'softmax-twice'
  | 'dead-relus'
  | 'vanishing-gradients'
  | 'exploding-gradients'
  | 'rate-too-high'
  | 'rate-too-low';

/** What to do about a finding of {@link diagnose} or a run. */
export interface Advice {
  /** What to do, as a clause. */
  advice: string;
  /** The same for a network that cannot be built in another way, such as one of a file; absent if `advice` builds nothing. */
  adviceToKeep?: string;
}

/** A fault that was found. */
export interface Finding extends Advice {
  fault: Fault;
  /** The layers that have it; empty for faults of no layer. */
  layers: string[];
  /** What was measured, as a clause. */
  text: string;
  /** For a learning rate that is too high or too low: one with which the loss falls. */
  learningRate?: number;
}

/** Advice that builds the network in another way, if there is one, or else does something else. */
export function eitherOf(building: string | undefined, other: string): Advice {
  return building === undefined
    ? { advice: other }
    : { advice: `${other}, or ${building}`, adviceToKeep: other };
}
