// A web site of a shop, on an origin of its own, as browser tests open it, and ports for what else is served.
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createListener } from 'node:net'
import { after } from 'node:test'

/** Serves a site; answers its origin. It is closed after the tests, with whatever browsers keep open. */
export async function startSite(answer: RequestListener): Promise<string> {
  const site = createServer(answer)
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  after(() => {
    site.closeAllConnections()
    site.close()
  })
  return `http://localhost:${(site.address() as AddressInfo).port}`
}

/** A port for what has to be named before it is there. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createListener()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
