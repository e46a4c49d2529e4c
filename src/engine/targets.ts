// Where messages may be sent. A merchant names an address, and this server calls it from inside its own network: so nothing private is called,
// whatever name, notation or DNS answer leads there, unless the installation allows it. Checked when an address is saved, and again, with the
// addresses that its name has then, each time it is called.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { type Refusal, refuse } from '../core/refusal.ts'

type Address = ReturnType<typeof ipaddr.parse>

/** What the installation allows besides public addresses. */
export interface Allowed {
  /** Names of hosts whose addresses may be any. */
  readonly hosts: ReadonlySet<string>
  readonly ranges: readonly (readonly [Address, number])[]
}

/** Public addresses only. */
export const NOTHING_ALLOWED: Allowed = { hosts: new Set(), ranges: [] }

/** What a demo allows: this machine. */
export const THIS_MACHINE = ['127.0.0.0/8', '::1', 'localhost'] as const

/** Reads a list of addresses, ranges (CIDR) and names of hosts. Throws with the entry that is none of these. */
export function readAllowed(entries: readonly string[]): Allowed {
  const hosts = new Set<string>()
  const ranges: (readonly [Address, number])[] = []
  for (const entry of entries) {
    if (ipaddr.isValidCIDR(entry)) ranges.push(ipaddr.parseCIDR(entry))
    else if (isIP(entry) !== 0) ranges.push(ipaddr.parseCIDR(`${entry}/${isIP(entry) === 4 ? 32 : 128}`))
    else if (/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(entry) && !/^[\d.]+$/.test(entry)) hosts.add(entry.toLowerCase())
    else throw new Error(`"${entry}" is no address, no range (10.0.0.0/8) and no name of a host.`)
  }
  return { hosts, ranges }
}

/** Azure's machines are told about themselves here, at an address that looks public. */
const METADATA = ['168.63.129.16']
const GLOBAL_V6 = ipaddr.parseCIDR('2000::/3')

/** Whether an address, as DNS or the operating system writes it, may be connected to. */
export function mayConnect(address: string, allowed: Allowed): boolean {
  if (isIP(address) === 0) return false
  // An IPv4 address inside of an IPv6 one is the IPv4 address.
  const parsed = ipaddr.process(address)
  if (allowed.ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))) return true
  if (METADATA.includes(parsed.toString())) return false
  // What no list of special ranges names is public with IPv4; with IPv6 only what was given out is.
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(...GLOBAL_V6))
}

/** The host of a URL as it is compared: without the brackets of IPv6 and the dot of the root. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

/** Names that mean something only inside of a network. */
const INSIDE = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|home\.arpa|localdomain|test|example|invalid)$/

/** Ports of the web, and those that no system service has for itself. */
function isPortOpen(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) >= 1024
}

/**
 * Whether an address may be saved; a refusal names `path` and says why. Names are not looked up here: what counts is where they lead when they
 * are called.
 */
export function targetRefusal(text: string, path: string, allowed: Allowed): Refusal | null {
  const no = (reason: string) => refuse('invalid', { path, reason })
  const url = URL.parse(text)
  if (url === null) return no('must be an https:// address')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return no('must be an https:// address')
  if (url.username !== '' || url.password !== '') return no('must not contain a user or a password')
  if (url.hash !== '') return no('must not contain a fragment')
  const host = hostOf(url)
  const isAddress = isIP(host) !== 0
  const isAllowed = allowed.hosts.has(host) || (isAddress && allowed.ranges.length > 0 && isListed(host, allowed))
  if (isAllowed) return null
  if (url.protocol !== 'https:') return no('must be an https:// address')
  if (!isPortOpen(url.port)) return no('must name port 80, 443, or one from 1024 on')
  if (isAddress) return mayConnect(host, allowed) ? null : no('must be a public address')
  if (!host.includes('.') || INSIDE.test(host)) return no('must be a public address')
  return null
}

function isListed(address: string, allowed: Allowed): boolean {
  const parsed = ipaddr.process(address)
  return allowed.ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))
}
