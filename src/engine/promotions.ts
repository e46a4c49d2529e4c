// Codes and promotions as staff handle them: codes one by one or in bulk, whole promotions in and out, what was used and by whom; and whether a code
// would help a cart. Whatever is long works in small transactions, so that a shop goes on selling meanwhile. What a promotion gives is decided in
// core/promoting.ts; uses are taken in store/redemptions.ts.
import { setImmediate as turn } from 'node:timers/promises'
import { type Cart, normaliseCode } from '../core/cart.ts'
import { customerBy } from '../core/customer.ts'
import type { Money } from '../core/money.ts'
import { priceCart } from '../core/pricing.ts'
import type { Benefit, Promotion } from '../core/promotion.ts'
import { loadOf, loadRefusal, loadWith, NO_LOAD } from '../core/promotion-refusal.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { patchSettings } from '../core/settings.ts'
import { insertAudit } from '../store/audit.ts'
import {
  deleteCode,
  deletePromotion,
  deleteSomeCodes,
  insertCodes,
  listCodes,
  readCode,
  readKeptCodes,
  readPromotion,
  readPromotions,
  updateCode,
  writePromotion,
} from '../store/promotions.ts'
import { forgetRedemptions, lockPromotions } from '../store/redemptions.ts'
import { moveEpoch } from '../store/shops.ts'
import type { Store, Writer } from '../store/store.ts'
import { type CartAddress, type Carts, skusOf } from './carts.ts'
import { buyerOf, type FactsCache, type ShopFacts } from './facts.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { usedPromotions } from './placing.ts'
import type { Clock, Randomness } from './ports.ts'

/** Codes written or removed in one transaction: some 10 ms of write lock. */
const CODES_CHUNK = 500
/** What `#` becomes: nothing that can be taken for another (no 0, O, 1, I, L). */
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
/** A pattern must have so many combinations for each code: guessing one then takes a thousand tries, and drawing rarely meets a code that exists. */
const COMBINATIONS_PER_CODE = 1000
/** A code that is made without a wish. */
const PATTERN = '##########'
/** How often codes that exist already are drawn anew. */
const DRAWS_MAX = 20

/** A code as it is exported and imported. */
export interface CodeDefinition {
  readonly code: string
  readonly usesMax: number | null
  readonly active: boolean
}

/** A promotion to import with its codes and its place in the list, or why it cannot be one. */
export type PromotionRow =
  | { readonly index: number; readonly promotion: Promotion; readonly codes: readonly CodeDefinition[] }
  | { readonly index: number; readonly refused: Refusal }

/** What an import did. A refusal names the place in the list and the path in it. */
export interface PromotionReport {
  readonly created: number
  readonly changed: number
  readonly unchanged: number
  readonly refused: readonly { readonly index: number; readonly path: string; readonly reason: string }[]
}

/** Whether a code would help a cart. What is given is told only where it does. */
export type Verdict =
  | { readonly code: string; readonly applies: false; readonly reason: string }
  | {
      readonly code: string
      readonly applies: true
      readonly reason: null
      readonly benefit: Benefit['kind']
      /** What it would take off, and what the cart would cost then. */
      readonly discount: Money
      readonly total: Money
      readonly gifts: readonly { readonly sku: string; readonly quantity: number }[]
    }

/** Handling codes and promotions. */
export type Promotions = ReturnType<typeof createPromotions>

/** Makes it. */
export function createPromotions(parts: { store: Store; facts: FactsCache; carts: Carts; clock: Clock; random: Randomness }) {
  const { store, facts: cache, carts, clock, random } = parts

  // Codes --------------------------------------------------------------------------------------------------------------------------------

  /** Adds a code that opens a promotion; without a wish it is drawn. */
  function addCode(
    { id: shopId, settings }: ShopFacts,
    promotionId: string,
    wanted: { readonly code?: string | undefined; readonly usesMax: number | null },
    claim?: IdempotencyClaim,
  ) {
    const code = wanted.code === undefined ? drawn(PATTERN, 1)[0] : normaliseCode(wanted.code, settings)
    return once(parts, shopId, claim, async (writer) => {
      if (!(await readPromotion(writer, shopId, promotionId))) return refuse('promotion_not_found', { promotionId })
      if (code === undefined || (await insertCodes(writer, shopId, promotionId, [code], { usesMax: wanted.usesMax })).length === 0)
        return refuse('already_exists', { promotionCode: code, path: '/code' })
      await moveEpoch(writer, shopId, [], clock.now())
      return { code }
    })
  }

  /** Changes how often a code may be used, or switches it on and off. */
  function changeCode(
    { id: shopId, settings }: ShopFacts,
    promotionId: string,
    typed: string,
    changes: { readonly usesMax?: number | null; readonly active?: boolean },
    claim?: IdempotencyClaim,
  ) {
    const code = normaliseCode(typed, settings)
    return once(parts, shopId, claim, async (writer) => {
      if (!(await updateCode(writer, shopId, promotionId, code, changes))) return refuse('code_not_found', { promotionCode: code })
      await moveEpoch(writer, shopId, [], clock.now())
      return { code }
    })
  }

  /** Removes a code that no order uses. */
  function dropCode({ id: shopId, settings }: ShopFacts, promotionId: string, typed: string, claim?: IdempotencyClaim) {
    const code = normaliseCode(typed, settings)
    return once(parts, shopId, claim, async (writer) => {
      if (!(await deleteCode(writer, shopId, promotionId, code))) {
        const known = await readCode(writer, shopId, promotionId, code)
        return known
          ? refuse('promotion_in_use', { promotionCode: code, uses: known.uses })
          : refuse('code_not_found', { promotionCode: code })
      }
      await moveEpoch(writer, shopId, [], clock.now())
      return { code }
    })
  }

  /**
   * Makes many codes of a pattern (`#` is drawn), unique in the shop. Each chunk is a transaction that is done once per Idempotency-Key: after a crash
   * the same call makes what is missing and nothing twice.
   */
  async function generateCodes(
    { id: shopId, settings }: ShopFacts,
    promotionId: string,
    wanted: { readonly pattern: string; readonly count: number; readonly usesMax: number | null },
    claim?: IdempotencyClaim,
  ): Promise<Once<{ batch: string; count: number }> | Refusal> {
    const { count, usesMax } = wanted
    const pattern = normaliseCode(wanted.pattern, settings)
    const combinations = ALPHABET.length ** pattern.split('#').slice(1).length
    if (combinations < count * COMBINATIONS_PER_CODE)
      return refuse('invalid', { path: '/pattern', reason: 'too_few_combinations', combinations, needed: count * COMBINATIONS_PER_CODE })
    let batch = random.id('bat')
    // In the order of the database's keys: neighbours are on one page of an index, so a chunk changes few pages.
    const codes = (await drawnInParts(pattern, count)).sort()
    for (let from = 0; from < count; from += CODES_CHUNK) {
      const chunk = codes.slice(from, from + CODES_CHUNK)
      const part = claim && { ...claim, key: `${claim.key} ${from}` }
      const made = await once(parts, shopId, part, async (writer) => {
        if (!(await readPromotion(writer, shopId, promotionId))) return refuse('promotion_not_found', { promotionId })
        const missing = await writeCodes(writer, shopId, promotionId, chunk, { pattern, usesMax, batch })
        return missing === 0 ? { batch } : refuse('invalid', { path: '/pattern', reason: 'too_few_combinations' })
      })
      if (isRefusal(made)) return made
      // The first chunk of a call that was interrupted says which batch it is.
      batch = made.value.batch
    }
    return once(parts, shopId, claim, async (writer) => {
      await moveEpoch(writer, shopId, [], clock.now())
      return { batch, count }
    })
  }

  /** Writes codes, and others for those that exist already; answers how many could not be found. */
  async function writeCodes(
    writer: Writer,
    shopId: string,
    promotionId: string,
    codes: readonly string[],
    { pattern, ...made }: { pattern: string; usesMax: number | null; batch: string },
  ): Promise<number> {
    let missing = codes.length - (await insertCodes(writer, shopId, promotionId, codes, made)).length
    for (let draw = 1; draw <= DRAWS_MAX && missing > 0; draw++)
      missing -= (await insertCodes(writer, shopId, promotionId, drawn(pattern, missing), made)).length
    return missing
  }

  /** Very many codes take a while: everybody else has a turn in between. */
  async function drawnInParts(pattern: string, count: number): Promise<string[]> {
    const codes: string[] = []
    while (codes.length < count) {
      codes.push(...drawn(pattern, Math.min(CODES_CHUNK, count - codes.length)))
      await turn()
    }
    return codes
  }

  function drawn(pattern: string, count: number): string[] {
    const holes = pattern.split('#')
    const width = holes.length - 1
    const characters = random.characters(ALPHABET, width * count)
    return Array.from({ length: count }, (_, index) =>
      holes.map((part, hole) => part + (hole < width ? characters.charAt(index * width + hole) : '')).join(''),
    )
  }

  // Promotions ---------------------------------------------------------------------------------------------------------------------------

  /** Removes a promotion that no order uses, with its codes. */
  async function dropPromotion({ id: shopId }: ShopFacts, id: string, claim?: IdempotencyClaim): Promise<Once<{ id: string }> | Refusal> {
    const refused = await dropManyCodes(shopId, id)
    if (refused) return refused
    return once(parts, shopId, claim, async (writer) => {
      if (!(await deletePromotion(writer, shopId, id))) {
        const known = await readPromotion(writer, shopId, id)
        return known
          ? refuse('promotion_in_use', { promotionId: id, uses: known.uses })
          : refuse('promotion_not_found', { promotionId: id })
      }
      await moveEpoch(writer, shopId, null, clock.now())
      return { id }
    })
  }

  /** Where a promotion has very many codes, they go first, in parts; nobody can use it any more from the first part on. */
  async function dropManyCodes(shopId: string, id: string): Promise<Refusal | null> {
    if ((await listCodes(store.reader, shopId, id, { limit: CODES_CHUNK + 1 })).length <= CODES_CHUNK) return null
    const refused = await store.transact(async (writer) => {
      const known = (await lockPromotions(writer, shopId, [id])).get(id)
      if (!known) return null
      if (known.uses > 0) return refuse('promotion_in_use', { promotionId: id, uses: known.uses })
      await writePromotion(writer, shopId, { ...known.promotion, active: false, usesMax: 0 }, clock.now())
      await moveEpoch(writer, shopId, null, clock.now())
      return null
    })
    if (refused) return refused
    while ((await store.transact((writer) => deleteSomeCodes(writer, shopId, id, CODES_CHUNK))) > 0);
    return null
  }

  /** Writes promotions with their codes as they come; bad ones are reported and stop nothing. Importing the same twice changes nothing. */
  async function importPromotions({ id: shopId, settings }: ShopFacts, rows: readonly PromotionRow[]): Promise<PromotionReport> {
    const counts = { created: 0, changed: 0, unchanged: 0 }
    const refused: { index: number; path: string; reason: string }[] = []
    const loads = new Map((await readPromotions(store.reader, shopId)).map((each) => [each.id, loadOf(each)]))
    let total = [...loads.values()].reduce((sum, after) => loadWith(sum, { before: NO_LOAD, after }), NO_LOAD)
    for (const row of rows) {
      const codes = 'codes' in row ? row.codes.map((each) => ({ ...each, code: normaliseCode(each.code, settings) })) : []
      const outcome = await importRow(row, codes)
      if (isRefusal(outcome))
        refused.push({ index: row.index, path: outcome.path ?? '', reason: String(outcome.reason ?? outcome.refused) })
      else counts[outcome]++
    }
    return { ...counts, refused }

    async function importRow(row: PromotionRow, codes: readonly CodeDefinition[]) {
      if ('refused' in row) return row.refused
      const { promotion } = row
      const after = loadOf(promotion)
      const next = loadWith(total, { before: loads.get(promotion.id) ?? NO_LOAD, after })
      const outcome = loadRefusal(total, next) ?? (await importOne(shopId, promotion, codes))
      if (isRefusal(outcome)) return outcome
      loads.set(promotion.id, after)
      total = next
      return outcome
    }
  }

  async function importOne(
    shopId: string,
    promotion: Promotion,
    codes: readonly CodeDefinition[],
  ): Promise<'created' | 'changed' | 'unchanged' | Refusal> {
    const kept = await readKeptCodes(
      store.reader,
      shopId,
      codes.map(({ code }) => code),
    )
    const taken = codes.findIndex(({ code }) => (kept.get(code)?.promotion_id ?? promotion.id) !== promotion.id)
    if (taken >= 0) return refuse('already_exists', { path: `/codes/${taken}/code` })
    const named = new Set<string>()
    const twice = codes.findIndex(({ code }) => named.size === named.add(code).size)
    if (twice >= 0) return refuse('invalid', { path: `/codes/${twice}/code`, reason: 'code_twice' })
    const before = await readPromotion(store.reader, shopId, promotion.id)
    const isSame = before !== undefined && JSON.stringify(inOneOrder(before.promotion)) === JSON.stringify(inOneOrder(promotion))
    if (!isSame)
      await store.transact(async (writer) => {
        await writePromotion(writer, shopId, promotion, clock.now())
        await moveEpoch(writer, shopId, null, clock.now())
      })
    let written = 0
    for (let from = 0; from < codes.length; from += CODES_CHUNK)
      written += await store.transact((writer) => importCodes(writer, shopId, promotion.id, codes.slice(from, from + CODES_CHUNK)))
    if (before === undefined) return 'created'
    return isSame && written === 0 ? 'unchanged' : 'changed'
  }

  /** Adds codes and changes those that are there; answers how many it wrote. */
  async function importCodes(writer: Writer, shopId: string, promotionId: string, codes: readonly CodeDefinition[]): Promise<number> {
    let written = 0
    const kept = await readKeptCodes(
      writer,
      shopId,
      codes.map(({ code }) => code),
    )
    for (const [, alike] of Map.groupBy(codes, ({ usesMax, active }) => JSON.stringify([usesMax, active]))) {
      const [{ usesMax, active }] = alike as [CodeDefinition]
      const wanted = alike.map(({ code }) => code)
      const made = new Set(await insertCodes(writer, shopId, promotionId, wanted, { usesMax, active }))
      written += made.size
      for (const code of wanted) {
        const known = kept.get(code)
        if (!known || made.has(code) || (known.uses_max === usesMax && (known.active === 1) === active)) continue
        // It may be another promotion's by now.
        if (await updateCode(writer, shopId, promotionId, code, { usesMax, active })) written++
      }
    }
    if (written > 0) await moveEpoch(writer, shopId, [], clock.now())
    return written
  }

  // Uses ---------------------------------------------------------------------------------------------------------------------------------

  /** Gives a customer's uses of a promotion back: they do not count for the customer any more, the promotion's total stays. */
  function forgetUses(
    { id: shopId }: ShopFacts,
    promotionId: string,
    who: { readonly account?: string; readonly email?: string },
    by: string,
    claim?: IdempotencyClaim,
  ) {
    const customer = customerBy(who.account ?? null, who.email ?? null)
    return once(parts, shopId, claim, async (writer) => {
      if (!(await readPromotion(writer, shopId, promotionId))) return refuse('promotion_not_found', { promotionId })
      const forgotten = await forgetRedemptions(writer, shopId, promotionId, customer)
      const entry = { shop_id: shopId, id: random.id('aud'), at: clock.now(), actor: by, action: 'promotion.uses_forgotten' }
      await insertAudit(writer, { ...entry, subject: promotionId, before: JSON.stringify({}), after: JSON.stringify({ forgotten }) })
      return { forgotten }
    })
  }

  /**
   * Whether a code would apply to a cart, beside the codes that are there (in place of them where there is no room), and what it would give. Nothing is
   * changed. The work is the same whatever becomes of the code.
   * @param allReasons tell why not, whatever shoppers are told
   */
  async function verify(address: CartAddress, typed: string, allReasons: boolean): Promise<Verdict | Refusal> {
    const seen = await carts.inspect(address)
    if (isRefusal(seen)) return seen
    const { shop } = seen
    const code = normaliseCode(typed, shop.settings)
    const others = seen.cart.codes.filter((each) => each !== code)
    const cart: Cart = { ...seen.cart, codes: others.length < shop.settings.promotions.maxCodes ? [...others, code] : [code] }
    await cache.collect(shop, skusOf(cart), cart.codes, [buyerOf(cart)])
    const facts = cache.forCart(shop, cart.codes, skusOf(cart), cart)
    // A code that does not apply must stay to be looked at.
    const reasons = allReasons ? { publicReasons: 'detailed' as const } : {}
    const settings = patchSettings(shop.settings, { promotions: { onInvalid: 'keep', ...reasons } })
    const pricing = priceCart(cart, { ...facts, shop: { ...facts.shop, settings } })
    if (isRefusal(pricing)) return pricing
    const state = pricing.cart.codes.find((each) => each.code === code)
    const promotion = shop.promotions.get(facts.codes.get(code)?.promotionId ?? '')
    if (!state?.applied || !promotion) return { code, applies: false, reason: state?.reason ?? 'not_applicable' }
    const { amount = 0 } = usedPromotions(pricing.cart).find((use) => use.promotionId === promotion.id) ?? {}
    const gifts = pricing.cart.lines.flatMap(({ giftOf, sku, quantity }) =>
      giftOf === promotion.id && sku !== null ? { sku, quantity } : [],
    )
    const { total } = pricing.cart
    return {
      code,
      applies: true,
      reason: null,
      benefit: promotion.benefit.kind,
      discount: { amount, currency: total.currency },
      total,
      gifts,
    }
  }

  return { addCode, changeCode, dropCode, generateCodes, dropPromotion, importPromotions, forgetUses, verify }
}

/** The same value with the fields of every object in order of their names: texts of equal values are equal. */
function inOneOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOneOrder)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, inOneOrder(each)]))
}
