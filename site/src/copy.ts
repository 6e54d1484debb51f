import { type Language, textsOf } from './text/index.js';

/** Milliseconds for which a button says that it has copied. */
const SAID = 1500;

/** Puts a button to copy the text at each block of code, or gives the buttons that are there the texts of a language. */
export async function copyButtons(language: Language): Promise<void> {
  const { code: t } = await textsOf(language);
  // Without https the browser lets nobody copy.
  if (!navigator.clipboard) return;
  for (const block of document.querySelectorAll('article pre')) {
    const button = block.parentElement!.matches('.code')
      ? (block.nextElementSibling as HTMLButtonElement)
      : addButton(block);
    button.textContent = t.copy;
    button.onclick = async () => {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = t.copied;
      setTimeout(() => {
        button.textContent = t.copy;
      }, SAID);
    };
  }
}

function addButton(block: Element): HTMLButtonElement {
  const button = document.createElement('button');
  button.type = 'button';
  const around = document.createElement('div');
  around.className = 'code';
  block.replaceWith(around);
  around.append(block, button);
  return button;
}
