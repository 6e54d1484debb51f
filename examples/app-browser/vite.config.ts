import { defineConfig } from 'vite';

export default defineConfig({
  // Works in any folder of any host.
  base: './',
  // The network: model.json and the weights beside it, copied as they are.
  publicDir: '../fashion-mnist',
  build: {
    rolldownOptions: {
      input: { index: 'index.html', serviceWorker: 'serviceWorker.js' },
      // A service worker must keep its name and stand above the pages that it serves.
      output: {
        entryFileNames: ({ name }) => (name === 'serviceWorker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
