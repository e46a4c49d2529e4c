// How the demo store is built: one page and its files with a hash in their names, into dist/demo-store
// (dist/store is the server's own code in the published package). The server serves the files under /store/.
import { fileURLToPath } from 'node:url'

/** What Vite is told. */
const config = {
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/store/',
  logLevel: 'warn',
  build: {
    outDir: fileURLToPath(new URL('../../dist/demo-store', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inline: the page's content security policy allows files of its own origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
} as const

// Vite reads a default export.
// biome-ignore lint/style/noDefaultExport: the name under which Vite looks for it
export default config
