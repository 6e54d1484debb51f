/**
 * Prints the parameter tally of the chapter's discussion, AlexNet beside VGG-11, and where the discussion's sum slips.
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
The discussion gives VGG-11's convolutions as ${discussion}, for ${convolutions}: it left out the first layer's
${rows[0]!.params} (3x3x3x64), since ${discussion} + ${rows[0]!.params} = ${discussion + rows[0]!.params}. Its total, 111980544, is short by as much.`);
