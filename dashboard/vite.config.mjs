import { defineConfig } from 'vite';

/** Where `npm run page:dev` finds the api; the page itself only knows paths of its own origin. */
const api = 'http://localhost:8080';
/** The api takes unsafe calls of its own origin only. */
const asSameOrigin = { target: api, headers: { origin: api } };

export default defineConfig({
  base: '/app/',
  build: {
    outDir: '../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    // The content security policy allows no `data:` scripts or styles, so everything is a file with a hash.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { '/dashboard': asSameOrigin, '/api': asSameOrigin, '/v1': { ...asSameOrigin, ws: true } },
  },
});
