// Removes from dist what is made of no source any more, so that a package that is made of a folder somebody worked in is the same as one of a
// fresh checkout. npm runs it before the package is made. What Vite builds is left alone: it empties its own folders.
//   node web/forgotten.ts [folder of the checkout]
import { existsSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const [, , root = join(import.meta.dirname, '..')] = process.argv
/** Folders of dist that Vite empties. */
const BUILT = /^(web|demo-store)[\\/]/

for (const file of globSync('**/*.*', { cwd: join(root, 'dist') })) {
  const source = file.replace(/(\.d\.ts|\.js)$/, '.ts')
  const isMade = source !== file && existsSync(join(root, 'src', source))
  if (!isMade && !BUILT.test(file)) rmSync(join(root, 'dist', file), { force: true })
}
