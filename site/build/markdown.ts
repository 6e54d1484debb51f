import GithubSlugger from 'github-slugger';
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import typescript from 'highlight.js/lib/languages/typescript';
import MarkdownIt, { type Token } from 'markdown-it';

for (const [name, language] of Object.entries({ bash, json, python, typescript })) {
  hljs.registerLanguage(name, language);
}
hljs.registerAliases(['ts', 'js'], { languageName: 'typescript' });
hljs.registerAliases(['py'], { languageName: 'python' });
hljs.registerAliases(['sh'], { languageName: 'bash' });

/** A heading and the plain text up to the next one; code is left out. */
interface Section {
  id: string;
  /** 1 for the page's title. */
  level: number;
  title: string;
  text: string;
}

/** A page rendered from Markdown. */
export interface Text {
  title: string;
  html: string;
  sections: Section[];
  /** The first paragraph, as plain text; with `beforeSections` only if no section comes before it. */
  lead: { text: string; beforeSections: boolean };
}

/** The space between a number and its unit, where no line breaks. */
const BEFORE_UNIT = /(?<=\d) (?=(?:[kMGT]?i?B|[kMGT]|bytes|[µmn]?s|min|h|px|%)(?![\w-]))/g;

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
 * @param sizeOf gives the size of an image in pixels, so that the page does not jump when it loads.
 */
export function render(
  source: string,
  link: (target: string) => string,
  sizeOf: (target: string) => { width: number; height: number },
): Text {
  const markdown = MarkdownIt({ html: true, linkify: true });
  const { rules, renderToken } = markdown.renderer;
  rules.fence = (tokens, i) => highlighted(tokens[i]!.content, tokens[i]!.info.trim());
  rules.code_block = (tokens, i) => highlighted(tokens[i]!.content, '');
  rules.table_open = () => '<div class="scroll" tabindex="0"><table>\n';
  rules.table_close = () => '</table></div>\n';
  // An empty corner of a table is not a header.
  rules.th_open = (tokens, i) => (tokens[i + 1]!.content ? '<th scope="col">' : '<td>');
  rules.th_close = (tokens, i) => (tokens[i - 1]!.content ? '</th>' : '</td>');
  const text = rules.text!;
  rules.text = (...all) => text(...all).replace(BEFORE_UNIT, '\u00a0');
  rules.link_open = (tokens, i, options, _, self) => {
    const token = tokens[i]!;
    token.attrSet('href', link(String(token.attrGet('href'))));
    return renderToken.call(self, tokens, i, options);
  };
  const image = rules.image!;
  rules.image = (tokens, i, ...rest) => {
    const target = String(tokens[i]!.attrGet('src'));
    const { width, height } = sizeOf(target);
    for (const [name, value] of Object.entries({ src: link(target), width, height, loading: 'lazy' })) {
      tokens[i]!.attrSet(name, String(value));
    }
    return image(tokens, i, ...rest);
  };
  const env = {};
  const tokens = markdown.parse(source, env);
  const sections = sectionsOf(tokens);
  return {
    title: sections.find(({ level }) => level === 1)?.title ?? '',
    sections,
    lead: leadOf(tokens),
    html: markdown.renderer.render(tokens, markdown.options, env),
  };
}

/** Gives each heading an id and collects what stands below it. */
function sectionsOf(tokens: readonly Token[]): Section[] {
  const slugger = new GithubSlugger();
  const sections: Section[] = [];
  tokens.forEach((token, i) => {
    if (token.type === 'heading_open') {
      const title = plain(tokens[i + 1]!);
      const id = slugger.slug(title);
      token.attrSet('id', id);
      sections.push({ id, level: Number(token.tag.slice(1)), title, text: '' });
    } else if (token.type === 'inline' && tokens[i - 1]!.type !== 'heading_open') {
      const last = sections.at(-1);
      if (last) last.text += ` ${plain(token)}`;
    }
  });
  return sections;
}

function leadOf(tokens: readonly Token[]): Text['lead'] {
  const i = tokens.findIndex(({ type, level }) => type === 'paragraph_open' && level === 0);
  if (i < 0) return { text: '', beforeSections: false };
  const beforeSections = !tokens.slice(0, i).some(({ type, tag }) => type === 'heading_open' && tag !== 'h1');
  return { text: plain(tokens[i + 1]!), beforeSections };
}

/** The text that a reader sees of a line of Markdown. */
function plain({ children }: Token): string {
  return (children ?? [])
    .map(({ type, content }) =>
      type === 'softbreak' || type === 'hardbreak' ? ' ' : type === 'html_inline' ? '' : content,
    )
    .join('');
}
