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
import { startInside } from './state/inside.js';
import { startPage, text } from './state/page.js';
import { textsOf } from './text/index.js';
import { App } from './ui/app.js';

const language = await startHead(async (chosen) => {
  text.value = await textsOf(chosen);
});
text.value = await textsOf(language);
startPage();
startInside();
render(<App />, document.getElementById('app')!);
