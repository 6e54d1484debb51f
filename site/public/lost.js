{
  const { dataset } = document.documentElement;
  const { href } = new URL('404.html', document.currentScript.src);
  if (!dataset.found && new URL('.', href).href !== new URL('.', location).href) location.replace(href);
  dataset.found = 'yes';
}
