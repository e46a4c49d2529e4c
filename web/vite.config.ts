// How the drop-in elements are built: one module in one file, whose address never changes. Pieces that it loads later would be gone after an
// upgrade, while a page that has the file of before still asks for them.
import { defineConfig, type Plugin } from 'vite'

/** Markup and styles stand in the sources as people read them; what is only for the eye is no use to a browser. Ends of lines stay, which code needs. */
const WITHOUT_INDENTATION: Plugin = {
  name: 'without-indentation',
  enforce: 'pre',
  transform: (code, id) =>
    id.includes('/web/elements/') ? { code: code.replace(/css`[^`]*`/g, withoutSpace).replace(/\n\s+/g, '\n'), map: null } : null,
}

/** A style sheet without comments, and without spaces where they say nothing. */
function withoutSpace(sheet: string): string {
  return sheet
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;}/g, '}')
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
    // As a library, because Vite then adds nothing to it that preloads pieces of a page. What it exports is for the page's own scripts.
    lib: { entry: { elements: `${import.meta.dirname}/elements/elements.ts` }, formats: ['es'] },
    rolldownOptions: {
      output: {
        minify: true,
        entryFileNames: '[name].js',
        codeSplitting: false,
      },
    },
  },
})
