// Builds what browsers load, when it is older than what it is made of. npm runs it by itself after an installation, before a start and before
// the package is made, so nobody has to know it. Without Vite (an installation without what development needs) there is nothing to build with, and
// the server runs without these files; only a package is never made without them (`--required`).
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
/** What is built, by the file that tells how; each with a file that it ends in. */
const BUILDS = [
  { config: 'web/vite.config.ts', built: 'dist/web/elements.js' },
  { config: 'web/store/vite.config.ts', built: 'dist/demo-store/index.html' },
]
const NOT_INSTALLED = 'Vite is not installed, so the drop-in elements and the demo store are not built. Install with: npm ci'

/** Builds what is not up to date. Throws where a source cannot be built, and, where it is required, where there is nothing to build with. */
export async function buildWeb(isRequired = false): Promise<void> {
  const newest = newestSource()
  const old = BUILDS.filter(({ built }) => !existsSync(join(ROOT, built)) || newest > statSync(join(ROOT, built)).mtimeMs)
  if (old.length === 0) return
  if (!hasVite()) {
    if (isRequired) throw new Error(NOT_INSTALLED)
    return void console.warn(NOT_INSTALLED)
  }
  const vite = await import('vite')
  const { NODE_ENV } = process.env
  for (const { config } of old) await vite.build({ configFile: join(ROOT, config) })
  // Vite says `production` there for what it builds; whoever called us is not.
  if (NODE_ENV === undefined) delete process.env.NODE_ENV
}

/** Whether Vite is there at all. One that is there and does not load is a fault, and is told as such. */
function hasVite(): boolean {
  try {
    import.meta.resolve('vite')
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return false
    throw error
  }
}

/** The packages that are built in are sources, too: the lock file says which. */
function newestSource(): number {
  const files = globSync(['{web,src/client,src/core}/**/*.{ts,html,css,svg}', 'package-lock.json'], { cwd: ROOT })
  return Math.max(...files.map((file) => statSync(join(ROOT, file)).mtimeMs))
}

if (import.meta.main) await buildWeb(process.argv.includes('--required'))
