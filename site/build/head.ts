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

/** A link of the banner: its page from the site's root, that page in Chinese, and the pages that it stands for. */
interface Link {
  name: keyof typeof en.head;
  page: string;
  chinese?: string;
  all?: RegExp;
}

const LINKS: readonly Link[] = [
  { name: 'playground', page: 'index.html' },
  { name: 'guides', page: 'guide/start.html', chinese: 'guide/zh/start.html', all: /^(guide|source)\// },
  { name: 'chapter', page: 'guide/chapter.html', chinese: 'guide/zh/chapter.html' },
  { name: 'gallery', page: 'guide/gallery.html' },
  { name: 'api', page: 'api/index.html', all: /^api\// },
];

/** The image that previews of a page show unless it has its own, from the site's root. */
export const CARD = 'card.png';

/** What search engines and previews show of a page. */
export interface Summary {
  title: string;
  description: string;
  image: string;
  /** The path of the same page in another language. */
  translation?: { language: string; path: string };
}

/** The playground's. */
export const PLAYGROUND: Summary = {
  title: 'vgg-blocks playground: build and train a VGG in your browser',
  description:
    'Build a VGG from blocks, see its shapes, parameters and costs, train it in your browser on WebGPU, WebGL or WebAssembly, and look at what it learned.',
  image: CARD,
};

/**
 * Fills in the head, banner and foot of a template.
 *
 * @param path the page's path from the site's root, to which links are made relative.
 */
export function withHead(template: string, path: string, summary: Summary, { policy = true } = {}): string {
  const root = '../'.repeat(path.split('/').length - 1) || './';
  const head = [
    ...(policy ? [`<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}" />`] : []),
    ...metas(summary, root, path),
    '<meta name="color-scheme" content="light dark" />',
    `<link rel="icon" href="${root}icon.svg" type="image/svg+xml" />`,
    `<link rel="manifest" href="${root}manifest.webmanifest" />`,
    `<script src="${root}theme.js"></script>`,
  ];
  return template
    .replace('<html lang="en">', `<html lang="en" data-root="${root}">`)
    .replace('<!--title-->', () => escaped(summary.title))
    .replace('<!--head-->', () => head.join('\n    '))
    .replace('<!--banner-->', () => banner(root, path))
    .replace('<!--foot-->', '<footer class="foot"><p id="offline" role="status"></p></footer>');
}

function metas({ title, description, image, translation }: Summary, root: string, path: string): string[] {
  // Previews need absolute addresses, which only the host knows.
  const home = process.env.SITE_URL?.replace(/\/?$/, '/');
  const meta = (name: string, content: string) =>
    `<meta ${name.startsWith('og:') ? 'property' : 'name'}="${name}" content="${escaped(content)}" />`;
  return [
    meta('description', description),
    meta('og:site_name', 'vgg-blocks'),
    meta('og:type', path === 'index.html' ? 'website' : 'article'),
    meta('og:title', title),
    meta('og:description', description),
    meta('og:image', (home ?? root) + image),
    meta('twitter:card', 'summary_large_image'),
    ...(translation
      ? [`<link rel="alternate" hreflang="${translation.language}" href="${root}${translation.path}" />`]
      : []),
    ...(home ? [meta('og:url', home + path), `<link rel="canonical" href="${home}${path}" />`] : []),
  ];
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function banner(root: string, path: string): string {
  const { head } = en;
  const isPage = ({ page, chinese }: Link) => page === path || chinese === path;
  const current = (link: Link) => {
    if (isPage(link)) return ' aria-current="page"';
    return link.all?.test(path) && !LINKS.some(isPage) ? ' aria-current="true"' : '';
  };
  const links = LINKS.map((link) => {
    const { name, page, chinese } = link;
    const both = chinese ? ` data-en="${root}${page}" data-zh="${root}${chinese}"` : '';
    return `<a href="${root}${page}"${both}${current(link)} data-text="${name}">${head[name]}</a>`;
  });
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
