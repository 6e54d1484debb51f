// A host shows 404.html under the address that is missing, from whose folder its links would lead nowhere. The page asks for this
// script in each folder above too: the first that is there knows where the site is.
{
  const { dataset } = document.documentElement;
  const { href } = new URL('404.html', document.currentScript.src);
  if (!dataset.found && new URL('.', href).href !== new URL('.', location).href) location.replace(href);
  dataset.found = 'yes';
}
