// How the drop-in elements are built: one module of its own, whose address never changes, and what it loads later beside it under names that
// tell their content, so that those may be cached for ever.
import { defineConfig, type Plugin } from 'vite'

/** Markup and styles stand in the sources as people read them; their indentation means nothing to a browser. Ends of lines stay, which code needs. */
const WITHOUT_INDENTATION: Plugin = {
  name: 'without-indentation',
  enforce: 'pre',
  transform: (code, id) => (id.includes('/web/elements/') ? { code: code.replace(/\n\s+/g, '\n'), map: null } : null),
}

// biome-ignore lint/style/noDefaultExport: Vite asks for one
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: 'public',
  logLevel: 'warn',
  plugins: [WITHOUT_INDENTATION],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: {
      input: { elements: `${import.meta.dirname}/elements/elements.ts` },
      preserveEntrySignatures: 'strict',
      output: {
        format: 'es',
        entryFileNames: '[name].js',
        chunkFileNames: 'elements/[name]-[hash].js',
      },
    },
  },
})
