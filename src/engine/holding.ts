// What carts hold by themselves, in shops where stock is kept from others from the cart on (`inventory.reserve` = cart). It is written in the
// transaction that saves the cart, under the locks of stock: carts first, then stock by sku, like everywhere. What a cart's unpaid order holds
// counts for the cart. Holds end `inventory.holdTtl` after the cart's last change.
import type { Cart } from '../core/cart.ts'
import type { PricedLine, Pricing } from '../core/pricing.ts'
import { availableTo, bundlesOf, cartHolder, demandOf, heldElsewhere, isHeldBy, type StockLevel } from '../core/stock.ts'
import { durationMs } from '../core/time.ts'
import { ownerKey } from '../store/carts.ts'
import { type CartHold, lockStock, readStock, replaceCartHolds } from '../store/stock.ts'
import type { Writer } from '../store/store.ts'
import type { ShopFacts } from './facts.ts'

/** A cart that is being saved. */
export interface Saved {
  readonly cart: Pick<Cart, 'id' | 'owner' | 'state' | 'absorbed'>
  readonly lines: readonly PricedLine[]
  /** How many there were when it was decided; empty where that is not to be judged. */
  readonly seen: Pricing['stockSeen']
}

/** Thrown inside a transaction to roll it back: these carts were decided on stock that somebody else took meanwhile. */
export class TakenMeanwhile extends Error {
  readonly shopId: string
  readonly cartIds: ReadonlySet<string>
  readonly skus: readonly string[]
  constructor(shopId: string, cartIds: ReadonlySet<string>, skus: readonly string[]) {
    super('stock was taken meanwhile')
    this.shopId = shopId
    this.cartIds = cartIds
    this.skus = skus
  }
}

/** The skus whose stock is held for these lines, by demand. */
export function heldSkus(lines: readonly PricedLine[]): string[] {
  return demandOf(lines.filter((line) => line.state === 'AVAILABLE')).map(([sku]) => sku)
}

/**
 * Carts that are being saved hold what is in them, as far as there is of it and their owners may; closed ones give everything back. Four statements at
 * most, however many carts.
 * @throws TakenMeanwhile when a cart was decided on more stock than there is now; nothing was written then
 */
export async function holdCarts(writer: Writer, shop: ShopFacts, saved: readonly Saved[], now: number): Promise<void> {
  const skus = [...new Set(saved.flatMap(({ cart, lines }) => (cart.state === 'OPEN' ? heldSkus(lines) : [])))].sort()
  await lockStock(writer, shop.id, skus)
  const levels = await readStock(writer, shop.id, skus, now)
  const late = new Set<string>()
  const holds: CartHold[] = []
  for (const each of saved) {
    if (isLate(each, shop, levels, now)) late.add(each.cart.id)
    else if (each.cart.state === 'OPEN') holds.push(...holdsOf(each, shop, levels, now))
  }
  if (late.size > 0) throw new TakenMeanwhile(shop.id, late, skus)
  const cartIds = [...new Set(saved.flatMap(({ cart }) => [cart.id, ...cart.absorbed]))]
  await replaceCartHolds(writer, shop.id, cartIds, holds, now + (durationMs(shop.settings.inventory.holdTtl) ?? 0))
}

/** Whether a cart was decided on more than there is for it. More than there was, it may want as before: ordering says so. */
function isLate({ cart, seen }: Saved, shop: ShopFacts, levels: ReadonlyMap<string, StockLevel>, now: number): boolean {
  if (cart.state !== 'OPEN') return false
  const of = (sku: string) => {
    const level = levels.get(sku)
    return level && availableTo([cart.id, ...cart.absorbed], level, now)
  }
  return seen.some(([sku, wanted, had]) => {
    const parts = shop.variants.get(sku)?.parts
    const has = (parts ? bundlesOf(parts, of) : of(sku)) ?? Number.POSITIVE_INFINITY
    return wanted <= had && has < wanted
  })
}

/** What one cart holds by itself, which `levels` know from now on: the next cart of the batch finds it taken. */
function holdsOf({ cart, lines }: Saved, shop: ShopFacts, levels: Map<string, StockLevel>, now: number): CartHold[] {
  const owner = ownerKey(cart.owner)
  const own = [cart.id, ...cart.absorbed]
  const ended = own.map(cartHolder)
  const max = shop.settings.inventory.holdMaxPerOwner ?? Number.POSITIVE_INFINITY
  const holds: CartHold[] = []
  for (const [sku, wanted] of demandOf(lines.filter((line) => line.state === 'AVAILABLE'))) {
    const level = levels.get(sku)
    if (!level) continue
    const others = level.holds.filter((hold) => !ended.includes(hold.holder))
    const ordered = others.filter((hold) => isHeldBy(own, hold)).reduce((sum, hold) => sum + hold.quantity, 0)
    const most = Math.min(wanted, availableTo(own, level, now), max - heldElsewhere(owner, own, level, now))
    const quantity = most - ordered
    const mine = { holder: cartHolder(cart.id), owner, quantity, expiresAt: Number.POSITIVE_INFINITY }
    levels.set(sku, { ...level, holds: quantity > 0 ? [...others, mine] : others })
    if (quantity > 0) holds.push({ cartId: cart.id, owner, sku, quantity })
  }
  return holds
}
