// Runs before the first paint, so that a page never flashes in another theme or language than the chosen ones.
{
  const read = (key) => {
    try {
      return localStorage.getItem(`vgg-blocks ${key}`);
    } catch {
      return null;
    }
  };
  const root = document.documentElement;
  const theme = read('theme');
  if (theme) root.dataset.theme = theme;
  const language = read('language') ?? (/^zh/i.test(navigator.language) ? 'zh' : 'en');
  root.dataset.language = language;
  root.lang = language === 'zh' ? 'zh-CN' : 'en';
}
