// The browser of browser tests: the system's own Chromium (CHROMIUM_PATH, or one of the usual places).
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const executablePath = PLACES.find((place) => place !== undefined && existsSync(place))

/** Why browser tests cannot run on this machine, or false. */
export const noBrowser = executablePath === undefined ? 'Chromium is not installed here' : false

/** Starts it, talking to nobody but the pages that it is sent to. */
export function openBrowser(): Promise<Browser> {
  const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  return chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox', '--disable-gpu', ...quiet] })
}
