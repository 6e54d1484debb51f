import './style/base.css';
import './style/controls.css';
import './style/reading.css';
import { startHead } from './head.js';

await startHead();
