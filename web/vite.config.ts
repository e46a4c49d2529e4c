// How the drop-in elements are built: one module of its own, whose address never changes, and what it loads later beside it under names that
// tell their content, so that those may be cached for ever.
import { defineConfig } from 'vite'

// biome-ignore lint/style/noDefaultExport: Vite asks for one
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: 'public',
  logLevel: 'warn',
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
