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

/** A page of text, made of Markdown. */
export interface Text {
  title: string;
  html: string;
  sections: { id: string; title: string }[];
}

/** Code in coloured spans, by classes and not by style, which the site's policy forbids. */
export function highlighted(code: string, language: string): string {
  const known = hljs.getLanguage(language);
  const html = known ? hljs.highlight(code, { language }).value : MarkdownIt().utils.escapeHtml(code);
  return `<pre tabindex="0"><code>${html}</code></pre>\n`;
}

/**
 * Renders a page.
 *
 * @param link says where a link or a picture of the text leads on the site.
 */
export function render(source: string, link: (target: string) => string): Text {
  const sections: Text['sections'] = [];
  const seen = new Map<string, number>();
  let title = '';
  const markdown = MarkdownIt({ html: true, linkify: true });
  const { rules, renderToken } = {
    rules: markdown.renderer.rules,
    renderToken: markdown.renderer.renderToken,
  };
  rules.fence = (tokens, i) => highlighted(tokens[i]!.content, tokens[i]!.info.trim());
  rules.code_block = (tokens, i) => highlighted(tokens[i]!.content, '');
  rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
  rules.table_close = () => '</table></div>\n';
  // A corner of a table that heads nothing is no header.
  rules.th_open = (tokens, i) => (tokens[i + 1]!.content ? '<th scope="col">' : '<td>');
  rules.th_close = (tokens, i) => (tokens[i - 1]!.content ? '</th>' : '</td>');
  rules.heading_open = (tokens, i, options, _, self) => {
    const text = plain(tokens[i + 1]!.content);
    const token = tokens[i]!;
    if (token.tag === 'h1') title ||= text;
    const id = unique(seen, slug(text));
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

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .trim()
    .replace(/ +/g, '-');
}

function unique(seen: Map<string, number>, id: string): string {
  const times = seen.get(id) ?? 0;
  seen.set(id, times + 1);
  return times === 0 ? id : `${id}-${times}`;
}
