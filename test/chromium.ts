// The browser of browser tests: the system's own Chromium (CHROMIUM_PATH, or one of the usual places). Debian's `chromium-headless-shell` comes
// first: the same engine without the browser's windows around it, which takes half the time (docs/decisions/0058-headless-shell.md).
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const executablePath = PLACES.find((place) => place !== undefined && existsSync(place))

/**
 * Starts it, talking to nobody but the pages that it is sent to.
 * @throws Error where there is none: what a page promises is not proved without a page.
 */
export async function openBrowser(): Promise<Browser> {
  if (executablePath === undefined)
    throw new Error(
      'These tests open pages in Chromium, which is not installed. Install it (Debian: apt-get install chromium-headless-shell, or chromium), or name it in CHROMIUM_PATH.',
    )
  const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...quiet] })
}
