import './style/base.css';
import './style/controls.css';
import './style/reading.css';
import { copyButtons } from './copy.js';
import { startHead } from './head.js';

// Neither the search nor its index is loaded before somebody wants to search.
const input = document.getElementById('search') as HTMLInputElement;
const load = async () => {
  try {
    await (await import('./search.js')).startSearch(input);
  } catch {
    input.addEventListener('blur', () => input.addEventListener('focus', load, { once: true }), {
      once: true,
    });
  }
};
input.addEventListener('focus', load, { once: true });

showPlace();
await copyButtons(await startHead(copyButtons));

/** Scrolls the list of pages to the page itself. */
function showPlace(): void {
  const current = document.querySelector('.sidebar [aria-current]');
  const list = document.querySelector('.sidebar')!;
  const place = current && current.getBoundingClientRect().top - list.getBoundingClientRect().top;
  if (place && place > list.clientHeight / 2) list.scrollTop = place - list.clientHeight / 2;
}
