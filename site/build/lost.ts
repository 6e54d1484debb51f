import type { Text } from './markdown.js';

/** The page that a host shows under every address that is missing. */
export const LOST = '404.html';

/** Folders between the root and the deepest page, and one to spare. */
const DEPTH = 5;

/** What the page says, in both languages: the style shows the chosen one. */
export const LOST_TEXT: Text = {
  title: 'Page not found',
  html: `<div class="lost">${[
    said(
      'en',
      'This page does not exist',
      'The address may have a typing error, or the page has moved since it was linked.',
      [
        ['index.html', 'The playground'],
        ['guide/start.html', 'The guides, from the first'],
        ['api/index.html', 'The API reference'],
      ],
      'Search the guides and the API',
    ),
    said(
      'zh-CN',
      '没有这个页面',
      '地址可能有误，或者页面已经移动。',
      [
        ['index.html', '演练场'],
        ['guide/zh/start.html', '从第一篇指南开始'],
        ['api/index.html', 'API 参考'],
      ],
      '搜索指南和 API',
    ),
  ].join('')}</div>`,
  sections: [],
  lead: { text: 'This page of vgg-blocks does not exist, or it has moved.', beforeSections: true },
};

function said(
  language: string,
  title: string,
  why: string,
  ways: readonly [path: string, name: string][],
  search: string,
): string {
  const links = ways.map(([path, name]) => `<li><a href="${path}">${name}</a></li>`);
  return `<div lang="${language}"><h1>${title}</h1><p>${why}</p><ul>${links.join('')}<li><label for="search">${search}</label></li></ul></div>`;
}

/**
 * Adds what makes the links work under an address in a folder, which is where a host shows the page: of the same script in each
 * folder above, the first that is there knows where the site is, and goes to the page's own address.
 */
export function withWayHome(template: string): string {
  const scripts = Array.from(
    { length: DEPTH },
    (_, up) => `<script src="${'../'.repeat(up)}lost.js"></script>`,
  );
  return template.replace('</head>', `${scripts.join('')}</head>`);
}
