import { FASHION_MNIST } from '../../src/data/index.js';
import { en } from '../src/text/en.js';

/** Where the playground may download Fashion-MNIST from: the original site, and a mirror that has https. */
const DATA_HOMES = [new URL(FASHION_MNIST.home).origin, 'https://storage.googleapis.com'];

/** Pages may run the site's own scripts and wasm, and nothing else. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  `connect-src 'self' ${DATA_HOMES.join(' ')}`,
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The pages that the banner links to, from the site's root. */
const LINKS = [
  ['playground', 'index.html'],
  ['start', 'guide/start.html'],
  ['chapter', 'guide/chapter.html'],
  ['weights', 'guide/weights.html'],
  ['api', 'api/index.html'],
] as const;

/**
 * Fills in the head, banner and foot of a template.
 *
 * @param path the page's path from the site's root, to which links are made relative.
 */
export function withHead(template: string, path: string, { policy = true } = {}): string {
  const root = '../'.repeat(path.split('/').length - 1) || './';
  const head = [
    ...(policy ? [`<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}" />`] : []),
    '<meta name="color-scheme" content="light dark" />',
    `<link rel="icon" href="${root}icon.svg" type="image/svg+xml" />`,
    `<link rel="manifest" href="${root}manifest.webmanifest" />`,
    `<script src="${root}theme.js"></script>`,
  ];
  return template
    .replace('<html lang="en">', `<html lang="en" data-root="${root}">`)
    .replace('<!--head-->', head.join('\n    '))
    .replace('<!--banner-->', banner(root, path))
    .replace('<!--foot-->', '<footer class="foot"><p id="offline" role="status"></p></footer>');
}

function banner(root: string, path: string): string {
  const { head } = en;
  const current = (target: string) =>
    target === path || (target.startsWith('api/') && path.startsWith('api/')) ? ' aria-current="page"' : '';
  const links = LINKS.map(
    ([name, target]) => `<a href="${root}${target}"${current(target)} data-text="${name}">${head[name]}</a>`,
  );
  return `<a class="skip" href="#app" data-text="skip">${head.skip}</a>
    <header class="banner">
      <a class="brand" href="${root}index.html">
        <img src="${root}icon.svg" alt="" width="28" height="28" /><span>vgg-blocks</span>
      </a>
      <nav aria-label="${head.site}" data-label="site">${links.join('')}</nav>
      <div class="tools">
        <select id="language" aria-label="${head.language}" data-label="language">
          <option value="en" lang="en">English</option>
          <option value="zh" lang="zh-CN">中文</option>
        </select>
        <button id="theme" type="button" class="icon" aria-label="${head.theme}" data-label="theme">
          <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5" /><path class="half" d="M8 2.5a5.5 5.5 0 0 1 0 11z" /></svg>
        </button>
      </div>
    </header>`;
}
