// Answers with what the page has kept where the network does not.
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const kept = async () => (await caches.match(request, { ignoreSearch: true })) ?? Response.error();
  if (request.method === 'GET') event.respondWith(fetch(request).catch(kept));
});
