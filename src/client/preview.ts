// What is shown before the server answers, and what has to be known for it: products that the page read, lines that were shown already, and the
// code that prices them, which is loaded on first use.
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import type { Client } from './client.ts'
import type { Known, Product } from './optimism.ts'
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
  name(answered: readonly Change[], cart: PricedCart, before: PricedCart | null, waiting: readonly Change[]): Promise<void>
  /** What the server calls a line. */
  nameOf(lineId: string): string
  /** The change with the server's name of its line. */
  named(change: Change): Change
  /** Prices that one customer may read are not another's. */
  forget(): void
}

/** Makes it; `changed` is called when more is known than before. */
export function createPreview(direct: Client, changed: () => void): Preview {
  const known: Known = { products: new Map(), asked: new Set(), made: new Map(), lines: [], newLineId, lineIdOf }
  let optimism: typeof import('./optimism.ts') | null = null

  async function load() {
    if (optimism) return optimism
    optimism = await import('./optimism.ts').catch(() => null)
    if (optimism) changed()
    return optimism
  }

  const client: Client = {
    call: async (name, ...rest) => {
      const output = await direct.call(name, ...rest)
      const read = name === 'GET /v1/shops/{shop}/products' ? (output as { items: Product[] }).items : []
      if (name === 'GET /v1/shops/{shop}/products/{product}') read.push(output as Product)
      for (const product of read) for (const { sku } of product.variants) known.products.set(sku, product)
      if (read.length > 0) changed()
      return output
    },
  }

  const nameOf = (lineId: string) => known.made.get(lineId) ?? lineId
  return {
    client,
    load,
    shown: (cart, pending) => {
      if (!optimism) void load()
      optimism?.readAbout(cart, pending, client, known)
      return optimism?.withChanges(cart, pending, known) ?? null
    },
    newLines: (shown, changes) => {
      optimism?.keepLines(shown, changes, known)
      return known.lines
    },
    recall: (lines) => {
      known.lines = [...lines, ...known.lines]
    },
    name: async (answered, cart, before, waiting) => {
      if (waiting.some((each) => isNewLine(lineIdOf(each)))) await load()
      optimism?.nameLines(answered, cart, before, known)
    },
    nameOf,
    named: (change) => withLineId(change, nameOf(lineIdOf(change))),
    forget: () => {
      known.products.clear()
      known.asked.clear()
    },
  }
}
