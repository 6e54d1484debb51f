import { computed, effect, signal } from '@preact/signals';
import { type Plan, plan, scaleArch } from 'vgg-blocks';
import { en, type Text } from '../text/en.js';
import { BACKENDS, type Choice, formatChoice, parseChoice } from './choice.js';
import { type Device, knownDevice, probe } from './device.js';

/** The current choice; the address bar follows it. */
export const choice = signal<Choice>(parseChoice(location.hash));
/** The language's texts. */
export const text = signal<Text>(en);
export const device = signal<Device>(knownDevice());

/** Changes a part of the choice. */
export function choose(part: Partial<Choice>): void {
  choice.value = { ...choice.value, ...part };
}

/** The layers of a choice. */
export function planOf({ arch, ratio, size, channels, classes, hidden, batchNorm }: Choice): Plan {
  return plan(scaleArch(arch, ratio), {
    inputShape: [size, size, channels],
    classes,
    hiddenUnits: hidden,
    batchNorm,
  });
}

/** The chosen network's layers, or why it cannot be built, in the page's language. */
export const network = computed<{ plan: Plan } | { problem: string }>(() => {
  const { arch, ratio, size } = choice.value;
  const t = text.value.problems;
  const indivisible = arch.findIndex(([, width]) => width % ratio !== 0);
  if (indivisible >= 0) {
    return { problem: t.ratio(ratio, arch[indivisible]![1], indivisible + 1) };
  }
  const minimum = 2 ** arch.length;
  if (size < minimum) return { problem: t.size(size, minimum, arch.length) };
  const empty = arch.findIndex(([convs, , one = 0]) => convs + one === 0);
  if (empty >= 0) return { problem: t.empty(empty + 1) };
  try {
    return { plan: planOf(choice.value) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
});

/** Ties the choice to the address bar and probes the device. */
export function startPage(): void {
  effect(() => {
    const hash = `#${formatChoice(choice.value)}`;
    if (hash !== location.hash) history.replaceState(null, '', hash);
  });
  addEventListener('hashchange', () => {
    choice.value = parseChoice(location.hash);
  });
  void probe().then((found) => {
    device.value = found;
    const has = found.backends!;
    const first = BACKENDS.find((name) => has[name]);
    if (!has[choice.value.backend] && first) choose({ backend: first });
  });
}
