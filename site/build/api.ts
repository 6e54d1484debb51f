import type { Entry } from './guides.js';

/** The name that a module is imported under. */
export function imported(module: string): string {
  return module === 'index' ? 'vgg-blocks' : `vgg-blocks/${module}`;
}

/**
 * Typedoc's Markdown with modules called by the names that they are imported under, and in the list of all of them what each is for.
 *
 * @param read gives the text of a file.
 */
export function namedModules(file: string, text: string, read: (file: string) => string): string {
  const [, module] = /^docs\/api\/(\w+)\/index\.md$/.exec(file) ?? [];
  if (file === 'docs/api/index.md')
    return text
      .replace(/^((?:- .*\n)*)(- \[index\].*\n)/m, '$2$1')
      .replace(/^- \[(\w+)\]\((.*)\)$/gm, (_, name, to) => {
        const [, , purpose] = read(`docs/api/${to}`).split('\n');
        return `- [${imported(name)}](${to})<br>${purpose}`;
      })
      .replace(/^# .*/, '# API');
  return module ? text.replace(/^# .*/, `# ${imported(module)}`) : text;
}

/** The modules' overviews, the main one first, and below the module of a page all of its exports. */
export function apiEntries(paths: readonly string[], path: string): Entry[] {
  const modules = paths
    .map((path) => /^api\/(\w+)\/index\.html$/.exec(path)?.[1])
    .filter((module) => module !== undefined)
    .sort((a, b) => Number(b === 'index') - Number(a === 'index') || a.localeCompare(b));
  const [, own] = path.split('/');
  return modules.map((module) => ({
    title: imported(module),
    path: `api/${module}/index.html`,
    children: module === own ? exportsOf(paths, module) : [],
  }));
}

function exportsOf(paths: readonly string[], module: string): Entry[] {
  const page = new RegExp(`^api/${module}/[\\w-]+/(\\w+)\\.html$`);
  return paths
    .map((path) => ({ title: page.exec(path)?.[1] ?? '', path }))
    .filter(({ title }) => title)
    .sort((a, b) => a.title.localeCompare(b.title));
}
