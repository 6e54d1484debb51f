/** The address of the site's root. */
export function siteRoot(): URL {
  return new URL(document.documentElement.dataset.root ?? './', location.href);
}
