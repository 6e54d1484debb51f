import { computed, effect, signal } from '@preact/signals';
import { type Plan, plan, scaleArch } from 'vgg-blocks';
import { en, type Text } from '../text/en.js';
import { allTextsOf, type Language, textsOf } from '../text/index.js';
import { BACKENDS, type Choice, DEFAULTS, formatChoice, parseChoice, smallestSize } from './choice.js';
import { type Device, knownDevice, probe } from './device.js';

/** Whether the page was opened without a choice in its address. */
export const isFresh = !location.hash.includes('=');
/** The current choice; the address bar follows it. */
export const choice = signal<Choice>(parseChoice(location.hash));
/** The language's texts; those of views that are loaded later come with them. */
export const text = signal<Text>(en as Text);
export const device = signal<Device>(knownDevice());

/** Takes the first texts of a language. */
export async function speak(language: Language): Promise<void> {
  text.value = (await textsOf(language)) as Text;
}

/** Takes all texts of the page's language, unless they are there. */
export async function speakOfAll(): Promise<void> {
  if ('design' in text.value) return;
  const language = () => (document.documentElement.dataset.language ?? 'en') as Language;
  const now = language();
  const all = await allTextsOf(now);
  if (now === language()) text.value = all;
}

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

/** A network that can be built: the choice and its layers. */
interface Buildable {
  choice: Choice;
  plan: Plan;
}

let last: Buildable = { choice: DEFAULTS, plan: planOf(DEFAULTS) };

/** The chosen network; if it cannot be built, the last one that could, and the reason in the page's language. */
export const network = computed<Buildable & { problem?: string }>(() => {
  const problem = problemOf(choice.value, text.value.problems);
  if (problem !== undefined) return { ...last, problem };
  try {
    last = { choice: choice.value, plan: planOf(choice.value) };
    return last;
  } catch (error) {
    return { ...last, problem: (error as Error).message };
  }
});

function problemOf({ arch, ratio, size }: Choice, t: Text['problems']): string | undefined {
  const indivisible = arch.findIndex(([, width]) => width % ratio !== 0);
  if (indivisible >= 0) return t.ratio(ratio, arch[indivisible]![1], indivisible + 1);
  const minimum = smallestSize({ arch });
  if (size < minimum) return t.size(size, minimum, arch.length);
  const empty = arch.findIndex(([convs, , one = 0]) => convs + one === 0);
  return empty >= 0 ? t.empty(empty + 1) : undefined;
}

/** Whether the current view was reached by the browser's Back or Forward. */
export const isReturn = signal(false);

/** Browsers limit how often a page may write its address. */
const ADDRESS_MS = 250;

/** Ties the choice to the address bar, each view to an entry of the history and a title, and probes the device. */
export function startPage(): void {
  followChoice();
  effect(() => {
    const { title, views } = text.value;
    document.title = `${views[choice.value.view]} · ${title}`;
  });
  void probe().then((found) => {
    device.value = found;
    const has = found.backends!;
    const first = BACKENDS.find((name) => has[name]);
    if (!has[choice.value.backend] && first) choose({ backend: first });
  });
}

/** The address of the current choice. */
export function address(): string {
  return new URL(`#${formatChoice(choice.value)}`, location.href).href;
}

function followChoice(): void {
  let entry = choice.value.view;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writtenAt = 0;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    writtenAt = performance.now();
    const { view } = choice.value;
    const hash = `#${formatChoice(choice.value)}`;
    if (view !== entry) history.pushState({ view }, '', hash);
    else if (hash !== location.hash || !history.state) history.replaceState({ view }, '', hash);
    entry = view;
  };
  effect(() => {
    const { view } = choice.value;
    if (view !== entry) isReturn.value = false;
    if (view !== entry || performance.now() - writtenAt > ADDRESS_MS) write();
    else timer ??= setTimeout(write, ADDRESS_MS);
  });
  addEventListener('pagehide', write);
  addEventListener('popstate', ({ state }) => {
    // A link to a part of the page has an address without a choice.
    const given = location.hash.includes('=') ? parseChoice(location.hash) : choice.value;
    isReturn.value = true;
    entry = given.view;
    // Back goes to a view, and does not undo what was chosen since; an address that somebody typed holds everything.
    choice.value = state ? { ...choice.value, view: given.view } : { ...given };
    write();
  });
}
