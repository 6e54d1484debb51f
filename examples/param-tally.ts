/**
 * Prints the parameter tally of the chapter's discussion, AlexNet next to VGG-11, and corrects the discussion's sum.
 *
 *     npm run example -- examples/param-tally.ts
 */
import { alexNetPlan, paramCount, plan, tally, VGG11 } from 'vgg-blocks';

const inputShape = [224, 224, 3] as const;
const networks = { AlexNet: alexNetPlan({ inputShape }), 'VGG-11': plan(VGG11, { inputShape }) };

console.log(tally(networks));

const { rows } = paramCount(networks['VGG-11'], { count: 'tally' });
const convolutions = rows.filter(({ name }) => name !== 'fc1').reduce((sum, { params }) => sum + params, 0);
const discussion = 9216000;
console.log(`
For VGG-11's convolutions the discussion gives ${discussion} instead of ${convolutions}. It omits the first layer's
${rows[0]!.params} weights (3x3x3x64): ${discussion} + ${rows[0]!.params} = ${discussion + rows[0]!.params}. Its total, 111980544, is too small by the same number.`);
