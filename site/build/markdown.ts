import GithubSlugger from 'github-slugger';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import typescript from 'highlight.js/lib/languages/typescript';
import MarkdownIt from 'markdown-it';

for (const [name, language] of Object.entries({ bash, json, python, typescript })) {
  hljs.registerLanguage(name, language);
}
hljs.registerAliases(['ts', 'js'], { languageName: 'typescript' });
hljs.registerAliases(['py'], { languageName: 'python' });
hljs.registerAliases(['sh'], { languageName: 'bash' });

/** A page rendered from Markdown. */
export interface Text {
  title: string;
  html: string;
  sections: { id: string; title: string }[];
}

/** Highlighted code, with classes instead of styles, which the site's policy forbids. */
export function highlighted(code: string, language: string): string {
  const known = hljs.getLanguage(language);
  const html = known ? hljs.highlight(code, { language }).value : MarkdownIt().utils.escapeHtml(code);
  return `<pre tabindex="0"><code>${html}</code></pre>\n`;
}

/**
 * Renders a page.
 *
 * @param link maps the target of a link or image to its address on the site.
 */
export function render(source: string, link: (target: string) => string): Text {
  const sections: Text['sections'] = [];
  const slugger = new GithubSlugger();
  let title = '';
  const markdown = MarkdownIt({ html: true, linkify: true });
  const { rules, renderToken } = markdown.renderer;
  rules.fence = (tokens, i) => highlighted(tokens[i]!.content, tokens[i]!.info.trim());
  rules.code_block = (tokens, i) => highlighted(tokens[i]!.content, '');
  rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
  rules.table_close = () => '</table></div>\n';
  // An empty corner of a table is not a header.
  rules.th_open = (tokens, i) => (tokens[i + 1]!.content ? '<th scope="col">' : '<td>');
  rules.th_close = (tokens, i) => (tokens[i - 1]!.content ? '</th>' : '</td>');
  rules.heading_open = (tokens, i, options, _, self) => {
    const text = plain(tokens[i + 1]!.content);
    const token = tokens[i]!;
    if (token.tag === 'h1') title ||= text;
    const id = slugger.slug(text);
    token.attrSet('id', id);
    if (token.tag === 'h2') sections.push({ id, title: text });
    return renderToken.call(self, tokens, i, options);
  };
  rules.link_open = (tokens, i, options, _, self) => {
    const token = tokens[i]!;
    token.attrSet('href', link(String(token.attrGet('href'))));
    return renderToken.call(self, tokens, i, options);
  };
  const image = rules.image!;
  rules.image = (tokens, i, ...rest) => {
    tokens[i]!.attrSet('src', link(String(tokens[i]!.attrGet('src'))));
    tokens[i]!.attrSet('loading', 'lazy');
    return image(tokens, i, ...rest);
  };
  const html = markdown.render(source);
  return { title, html, sections };
}

function plain(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*\\]/g, '');
}
