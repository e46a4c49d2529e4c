// What a device keeps of a cart, and how the tabs of one device stay out of each other's way: the guest's secret, a place for the changes that wait,
// a channel between tabs, and locks. Where the platform has no locks or channels, every tab is for itself.
import { newIdempotencyKey } from './idempotency-key.ts'
import type { EndSignal } from './platform.ts'

/** What keeps text on a device: `localStorage` is one. */
export interface DeviceStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** The parts of a browser's page that are used where they exist. */
interface Page {
  readonly document?: { readonly visibilityState?: string; readonly addEventListener: Listen }
  readonly addEventListener?: Listen
  readonly localStorage?: DeviceStorage
}

type Listen = (type: string, listener: () => void, options: { readonly signal: AbortSignal }) => void

interface Locks {
  request(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    work: (lock: unknown) => Promise<unknown> | undefined,
  ): Promise<unknown>
}

/** A shop's cart on one device, as one tab has it. Tabs tell each other messages; null: what the device remembers has changed. */
export interface Device<Message> {
  /** Whether tabs can tell which of them keeps what; else each may send what another one keeps, too. */
  readonly hasLocks: boolean
  /** The guest's secret, or null. Read anew each time: other tabs change it. */
  secret(): string | null
  remember(secret: string): void
  /** Forgets this secret; another one that took its place stays. */
  forget(secret: string): void
  /** Takes a place for the changes that wait, and those that a page before this one left are inherited then and later, when another tab is closed. */
  claim(): Promise<void>
  /** Keeps the changes that wait; null: there are none. */
  keep(waiting: string | null): void
  /** Runs work while no other tab does work of this name. Waiting ends with the signal; then the work is not done. */
  alone(name: string, signal: EndSignal, work: () => Promise<void>): Promise<void>
  tell(message: Message): void
  close(): void
}

/** As many tabs keep what waits across a reload; the others keep it while they are open. */
const PLACES = 8

/** Storages of processes that serve many people: each is a device of its own, also where threads share their channels. */
const names = new WeakMap<DeviceStorage, string>()

/** Opens a shop's part of the device; `hear` gets what other tabs tell, and `inherit` what pages that are gone left. */
export function openDevice<Message>(
  shop: string,
  given: DeviceStorage | undefined,
  { hear, inherit }: { hear(message: Message | null): void; inherit(left: string): void },
): Device<Message> {
  const page = globalThis as unknown as Page
  const storage = given ?? ownStorage(page)
  const kept = patient(storage)
  const key = `cartwright:${shop}`
  // In a browser every tab is the same person. A server's process may hold carts of many, who share nothing but the process.
  const name = page.document ? key : `${key}#${nameOf(storage)}`
  const locks = (globalThis.navigator as unknown as { readonly locks?: Locks } | undefined)?.locks
  const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(name)
  let place: string | null = null
  let release = () => {}
  const closing = new AbortController()
  if (channel) {
    channel.onmessage = ({ data }: { readonly data: unknown }) => {
      if (typeof data === 'number') void takeOver(data)
      else hear(data as Message | null)
    }
    // Listening to other tabs is no reason for a process to stay.
    ;(channel as { unref?(): void }).unref?.()
  }

  /** Holds a lock until the function it answers is called; null when somebody else has it. */
  function hold(what: string): Promise<(() => void) | null> {
    if (!locks) return Promise.resolve(what.endsWith(':0') ? () => {} : null)
    return new Promise((resolve, reject) => {
      locks
        .request(what, { ifAvailable: true }, (lock) => {
          if (lock === null) return void resolve(null)
          return new Promise<void>((done) => resolve(done))
        })
        .catch(reject)
    })
  }

  /** When whoever has another place is gone, what was left there is kept here before it is removed there. */
  async function takeOver(index: number): Promise<void> {
    const where = `${key}:queue:${index}`
    if (place === null || where === place) return
    await alone(`queue:${index}`, closing.signal, async () => {
      const left = kept.getItem(where)
      if (left === null || place === null) return
      inherit(left)
      kept.removeItem(where)
    })
  }

  async function alone(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (!locks) return work()
    let isBegun = false
    const begin = () => {
      isBegun = true
      return work()
    }
    await locks.request(`${name}:${what}`, { signal }, begin).catch((error: unknown) => {
      // Else it waited too long, or the page may have no locks: a frame in a sandbox is refused them.
      if (isBegun) throw error
    })
  }

  function tell(message: Message | null): void {
    if (!closing.signal.aborted) channel?.postMessage(message)
  }

  return {
    hasLocks: locks !== undefined,
    secret: () => kept.getItem(key),
    remember: (secret) => {
      kept.setItem(key, secret)
      tell(null)
    },
    forget: (secret) => {
      if (kept.getItem(key) === secret) kept.removeItem(key)
      tell(null)
    },

    async claim() {
      for (let index = 0; index < PLACES && place === null; index++) {
        const done = await hold(`${name}:queue:${index}`)
        if (!done) continue
        if (closing.signal.aborted) return done()
        place = `${key}:queue:${index}`
        release = done
        const left = kept.getItem(place)
        if (left !== null) inherit(left)
        // The others wait for it, too, from now on.
        channel?.postMessage(index)
      }
      for (let index = 0; index < PLACES && locks; index++) void takeOver(index)
    },

    keep: (waiting) => {
      if (place === null) return
      if (waiting === null) kept.removeItem(place)
      else kept.setItem(place, waiting)
    },

    alone,

    tell,

    close: () => {
      closing.abort()
      // Whoever takes it over goes on with what is kept there.
      place = null
      release()
      channel?.close()
    },
  }
}

/** Whether somebody may be looking; where there is no page, somebody may. */
export function isSeen(): boolean {
  return (globalThis as unknown as Page).document?.visibilityState !== 'hidden'
}

/** Calls when the network is back, and when the page is looked at or left, until the signal ends it. */
export function onTurn(turn: () => void, signal: EndSignal): void {
  const page = globalThis as unknown as Page
  page.document?.addEventListener('visibilitychange', turn, { signal })
  page.addEventListener?.('online', turn, { signal })
}

function nameOf(storage: DeviceStorage): string {
  const name = names.get(storage) ?? newIdempotencyKey()
  names.set(storage, name)
  return name
}

function ownStorage(page: Page): DeviceStorage {
  try {
    if (page.document && page.localStorage) return page.localStorage
  } catch {
    // A page that may keep nothing throws when it is asked.
  }
  // Whoever asks it gets an error, as from one that is forbidden.
  return {} as DeviceStorage
}

/** A storage that is full or forbidden keeps in memory what it cannot keep otherwise: the cart works until the page is left. */
function patient(storage: DeviceStorage): DeviceStorage {
  const memory = new Map<string, string>()
  const attempt = <T>(work: () => T): T | null => {
    try {
      return work()
    } catch {
      return null
    }
  }
  return {
    getItem: (key) => memory.get(key) ?? attempt(() => storage.getItem(key)),
    setItem: (key, value) => {
      memory.set(key, value)
      attempt(() => {
        storage.setItem(key, value)
        memory.delete(key)
      })
    },
    removeItem: (key) => {
      memory.delete(key)
      attempt(() => storage.removeItem(key))
    },
  }
}
