// Builds what browsers load, when it is older than what it is made of. npm runs it by itself after an installation, before a start and before
// the package is made, so nobody has to know it. Without Vite (an installation without what development needs) there is nothing to build with, and
// the server runs without these files.
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
/** What is built, by the file that tells how; each with a file that it ends in. */
const BUILDS = [
  { config: 'web/vite.config.ts', built: 'dist/web/elements.js' },
  { config: 'web/store/vite.config.ts', built: 'dist/demo-store/index.html' },
]

/** Builds what is not up to date. Throws where a source cannot be built. */
export async function buildWeb(): Promise<void> {
  const newest = newestSource()
  const old = BUILDS.filter(({ built }) => !existsSync(join(ROOT, built)) || newest > statSync(join(ROOT, built)).mtimeMs)
  if (old.length === 0) return
  const vite = await import('vite').catch(() => null)
  if (vite === null)
    return void console.warn('Vite is not installed, so the drop-in elements and the demo store are not built. Install with: npm ci')
  for (const { config } of old) await vite.build({ configFile: join(ROOT, config) })
}

function newestSource(): number {
  const files = globSync('{web,src/client,src/core}/**/*.{ts,html,css,svg}', { cwd: ROOT })
  return Math.max(...files.map((file) => statSync(join(ROOT, file)).mtimeMs))
}

if (import.meta.main) await buildWeb()
