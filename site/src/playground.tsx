import './style/base.css';
import './style/controls.css';
import './style/network.css';
import './style/train.css';
import './style/inside.css';
import './style/strip.css';
import './style/closeUp.css';
import './style/path.css';
import './style/weights.css';
import './style/layout.css';
import { render } from 'preact';
import { startHead } from './head.js';
import { startLooking } from './state/files.js';
import { looking, startInside } from './state/inside.js';
import { download, isStarting } from './state/lab.js';
import { startOpening } from './state/opened.js';
import { speak, startPage, text } from './state/page.js';
import { startTraining } from './state/training.js';
import { allTextsOf } from './text/index.js';
import { App } from './ui/app.js';

/** Whether the page awaits what it works with: a backend, a network, or its first answer. */
const isLoading = () => looking.value || isStarting.value || download.value !== undefined;

const language = await startHead(async (chosen) => {
  const all = await allTextsOf(chosen);
  // Another language may have been chosen meanwhile.
  if (document.documentElement.dataset.language === chosen) text.value = all;
}, isLoading);
await speak(language);
startPage();
startLooking();
startOpening();
void startTraining();
startInside();
render(<App />, document.getElementById('app')!);
