import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** Where `npm run page:dev` finds the api; the page itself only knows paths of its own origin. */
const api = 'http://localhost:8080';
/** The api takes unsafe calls of its own origin only. */
const asSameOrigin = { target: api, headers: { origin: api } };

/** The owners' page, and the page of a share link. */
const pathOf = (file) => fileURLToPath(new URL(file, import.meta.url));

export default defineConfig({
  base: '/app/',
  build: {
    outDir: '../dist/dashboard',
    rolldownOptions: { input: [pathOf('index.html'), pathOf('chat.html')] },
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy allows no `data:` scripts or styles, so everything is a file with a hash.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { '/dashboard': asSameOrigin, '/api': asSameOrigin, '/v1': { ...asSameOrigin, ws: true } },
  },
});
