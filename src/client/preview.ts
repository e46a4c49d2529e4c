// What is shown before the server answers, and what has to be known for it: products that the page read, lines that were shown already, and the
// code that prices them, which is loaded on first use.
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import type { Client } from './client.ts'
import type { Product } from './optimism.ts'
import { type Change, isNewLine, lineIdOf, newLineId, withLineId } from './queue.ts'

/** Shows carts with the changes that wait. */
export interface Preview {
  /** The client given, which tells what it reads of products. */
  readonly client: Client
  /** Loads the code for it. */
  load(): Promise<unknown>
  /** The cart with these changes; null while the code for it is not there. */
  shown(cart: PricedCart, pending: readonly Change[]): PricedCart | null
  /** Lines of a shown cart that changes of these will make. */
  newLines(shown: PricedCart | null, changes: readonly Change[]): readonly PricedLine[]
  /** Lines that a page before this one showed. */
  recall(lines: readonly PricedLine[]): void
  /** Finds the lines that the server made of what was shown, for changes that wait and mean them. */
  name(answered: readonly Change[], cart: PricedCart, waiting: readonly Change[]): Promise<void>
  /** What the server calls a line. */
  nameOf(lineId: string): string
  /** The change with the server's name of its line. */
  named(change: Change): Change
  /** Prices that one customer may read are not another's. */
  forget(): void
}

/** Makes it; `changed` is called when more is known than before. */
export function createPreview(direct: Client, changed: () => void): Preview {
  const products = new Map<string, Product>()
  const asked = new Set<string>()
  /** Ids of lines as they were shown, and as the server made them. */
  const made = new Map<string, string>()
  let lines: readonly PricedLine[] = []
  let optimism: typeof import('./optimism.ts') | null = null

  async function load() {
    if (optimism) return optimism
    optimism = await import('./optimism.ts').catch(() => null)
    if (optimism) changed()
    return optimism
  }

  function learn(read: readonly Product[]): void {
    for (const product of read) for (const { sku } of product.variants) products.set(sku, product)
    changed()
  }

  const client: Client = {
    call: async (name, ...rest) => {
      const output = await direct.call(name, ...rest)
      if (name === 'GET /v1/shops/{shop}/products') learn((output as { items: Product[] }).items)
      if (name === 'GET /v1/shops/{shop}/products/{product}') learn([output as Product])
      return output
    },
  }

  /** Reads the tiers of what is changed, once per product. */
  function readAbout(cart: PricedCart, pending: readonly Change[]): void {
    for (const change of pending) {
      const line = cart.lines.find(({ id }) => id === lineIdOf(change))
      if (!line?.handle || line.sku === null || products.has(line.sku) || asked.has(line.handle)) continue
      asked.add(line.handle)
      client.call('GET /v1/shops/{shop}/products/{product}', { params: { product: line.handle } }).catch(() => {
        // Without it the line is shown at the price it has.
      })
    }
  }

  const nameOf = (lineId: string) => made.get(lineId) ?? lineId
  return {
    client,
    load,
    shown: (cart, pending) => {
      readAbout(cart, pending)
      if (!optimism) void load()
      return optimism?.withChanges(cart, pending, { products, lines, now: Date.now(), newLineId }) ?? null
    },
    newLines: (shown, changes) => {
      const all = new Map([...lines, ...(shown?.lines ?? [])].map((line) => [line.id, line]))
      lines = [...all.values()].filter(({ id }) => changes.some((change) => isNewLine(id, change.id)))
      return lines
    },
    recall: (former) => {
      lines = [...former, ...lines]
    },
    name: async (answered, cart, waiting) => {
      const isMeant = waiting.some((each) => isNewLine(lineIdOf(each) ?? ''))
      const { lineMadeOf } = (isMeant ? await load() : optimism) ?? {}
      if (!lineMadeOf) return
      for (const { id, command } of answered) {
        if (!('add' in command)) continue
        for (const [index, item] of command.add.lines.entries()) {
          const line = lineMadeOf(item, cart.lines, products) ?? cart.lines.findLast(({ sku }) => sku === item.sku)
          if (line) made.set(newLineId(id, index), line.id)
        }
      }
    },
    nameOf,
    named: (change) => {
      const lineId = lineIdOf(change)
      return lineId === null ? change : withLineId(change, nameOf(lineId))
    },
    forget: () => {
      products.clear()
      asked.clear()
    },
  }
}
