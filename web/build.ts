// Builds what browsers load, when it is older than what it is made of. npm runs it by itself after an installation, before a start and before
// the package is made, so nobody has to know it. Without Vite (an installation without what development needs) there is nothing to build with, and
// the server runs without these files.
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BUILT = join(ROOT, 'dist/web/elements.js')

/** Builds unless what is there is up to date. Throws where a source cannot be built. */
export async function buildWeb(): Promise<void> {
  if (existsSync(BUILT) && newestSource() <= statSync(BUILT).mtimeMs) return
  const vite = await import('vite').catch(() => null)
  if (vite === null) return void console.warn('Vite is not installed, so the drop-in elements are not built. Install with: npm ci')
  await vite.build({ configFile: join(ROOT, 'web/vite.config.ts') })
}

function newestSource(): number {
  const files = globSync('{web,src/client,src/core}/**/*.{ts,html,css}', { cwd: ROOT })
  return Math.max(...files.map((file) => statSync(join(ROOT, file)).mtimeMs))
}

if (import.meta.main) await buildWeb()
