import type { Plan, PlanRow } from './plan.js';

/** Layers that stand together: a block's, or one that belongs to none. */
export interface LayerGroup {
  /** `block1` for a block's layers, otherwise empty. */
  block: string;
  rows: PlanRow[];
}

/** The layers of a plan grouped by the block that their names begin with, in order. */
export function groupByBlock(plan: Plan): LayerGroup[] {
  const groups: LayerGroup[] = [];
  for (const row of plan) {
    const block = /^(block\d+)_/.exec(row.name)?.[1] ?? '';
    const last = groups.at(-1);
    if (last?.block === block) last.rows.push(row);
    else groups.push({ block, rows: [row] });
  }
  return groups;
}
