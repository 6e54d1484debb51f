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

/** A fault that was found. */
export interface Finding {
  fault: Fault;
  /** The layers that have it; empty for faults of no layer. */
  layers: string[];
  /** What was measured, as a clause. */
  text: string;
  /** What to do about it, as a clause. */
  advice: string;
}
