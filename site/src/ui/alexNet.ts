import { alexNetPlan, type Plan } from 'vgg-blocks';
import { network } from '../state/page.js';

/** Minimum image size of AlexNet. */
export const ALEXNET_MIN = 65;

/** AlexNet at an image size, or at its own where that is too small for it. */
export function alexNetFor(chosen: number): { plan: Plan; size: number } {
  const { channels, classes } = network.value.choice;
  const size = chosen >= ALEXNET_MIN ? chosen : 224;
  return { plan: alexNetPlan({ inputShape: [size, size, channels], classes }), size };
}
