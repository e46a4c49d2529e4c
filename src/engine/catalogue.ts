// What a shop sells and how it is set up: shops, settings, products, stock, promotions, keys. Every change that may move a
// price ends with moving the shop's epoch. Imports work in small transactions, so that a shop goes on selling while 100 000 products come in.

import { type Schema, Validator } from '@cfworker/json-schema'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { DRAFT_TYPE } from '../core/cart.ts'
import { exponentOf } from '../core/currency.ts'
import type { SentProduct } from '../core/product.ts'
import type { Promotion } from '../core/promotion.ts'
import { loadOf, loadRefusal, loadWith, NO_LOAD } from '../core/promotion-refusal.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Scope } from '../core/scope.ts'
import { type JsonSchema, type PresetName, patchSettings, type Settings, type SettingsPatch, settingsOf } from '../core/settings.ts'
import { methodsRefusal } from '../core/shipping-table.ts'
import { statusesRefusal } from '../core/status.ts'
import { ratesRefusal, withRateIds } from '../core/tax-rates.ts'
import { durationMs } from '../core/time.ts'
import { insertApiKey, revokeApiKey } from '../store/access.ts'
import { insertAudit } from '../store/audit.ts'
import { writeProduct } from '../store/products.ts'
import { hasCodes, readPromotions, writePromotion } from '../store/promotions.ts'
import { insertShop, lockSettings, moveEpoch, readShop, updateShopName, writeSettings } from '../store/shops.ts'
import { lockStock, readStockRow, setStock } from '../store/stock.ts'
import type { Store } from '../store/store.ts'
import { hashSecret } from './identity.ts'
import { type IdempotencyClaim, once } from './once.ts'
import type { Clock, Randomness } from './ports.ts'
import { templateRefusal } from './reference.ts'

/** Products written in one transaction: at most some 50 ms of write lock. */
const IMPORT_CHUNK = 40
/** Refusals listed in a report; above that only their number is told. */
const REPORTED_MAX = 1000

/** A product to import with the line it came from, or a line that cannot be one. */
export type ImportRow =
  | { readonly line: number; readonly product: SentProduct }
  | { readonly line: number; readonly handle?: string; readonly refused: string; readonly column?: string }

/** What an import did. `refused` names line, column and reason. */
export interface ImportReport {
  readonly created: number
  readonly changed: number
  readonly unchanged: number
  readonly refusedCount: number
  readonly refused: readonly { readonly line: number; readonly handle?: string; readonly column?: string; readonly reason: string }[]
}

/** The names of the outside engines that are installed. */
type OutsideEngines = Readonly<Record<'tax' | 'shipping', readonly string[]>>

/** Setting up shops. */
export type Catalogue = ReturnType<typeof createCatalogue>

/** Makes it. */
export function createCatalogue(parts: { store: Store; clock: Clock; random: Randomness; engines: OutsideEngines }) {
  const { store, clock, random } = parts

  /** Makes a shop; its id is its name in addresses, for ever. */
  async function makeShop(input: { id: string; name: string; currency: string; preset: PresetName }, claim?: IdempotencyClaim) {
    if (exponentOf(input.currency) === undefined) return refuse('currency_unknown', { currency: input.currency, path: '/currency' })
    return once(parts, input.id, claim, async (writer) => {
      const made = await insertShop(writer, { ...input, created_at: clock.now() })
      return made ? { id: input.id } : refuse('already_exists', { shopId: input.id, path: '/id' })
    })
  }

  /** Gives a shop another name. */
  function renameShop(shopId: string, name: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      await updateShopName(writer, shopId, name)
      await moveEpoch(writer, shopId, null, clock.now())
      return { id: shopId }
    })
  }

  /**
   * Changes settings: named groups and keys are set, the others stay. Takes effect on every node with its next statement. A change of what is
   * there, such as one entry of a list, is a function of the settings as they stand under the lock, so that no other change is lost.
   * @returns `{ id }`: `subject`, where what was changed has an id of its own, else the shop's
   */
  async function changeSettings(
    shopId: string,
    asked: SettingsPatch | ((settings: Settings) => SettingsPatch | Refusal),
    by: string,
    claim?: IdempotencyClaim,
    subject = shopId,
  ) {
    return once(parts, shopId, claim, async (writer) => {
      const document = await lockSettings(writer, shopId)
      if (document === undefined) return refuse('shop_not_found', { shopId })
      const { preset } = (await readShop(writer, shopId)) ?? { preset: 'default' }
      const own = JSON.parse(document) as SettingsPatch
      const decided = typeof asked === 'function' ? asked(settingsOf(preset as PresetName, own)) : asked
      if (isRefusal(decided)) return decided
      const refused = settingsRefusal(decided, parts.engines)
      if (refused) return refused
      const patch = withIds(decided)
      const changed = mergePatches(own, patch)
      const isSensitive = (each: SettingsPatch) => settingsOf(preset as PresetName, each).promotions.caseSensitive
      // Codes are kept as they are compared: another way to compare would leave them unreachable, or make one of two.
      if (isSensitive(changed) !== isSensitive(own) && (await hasCodes(writer, shopId)))
        return refuse('invalid', { path: '/promotions/caseSensitive', reason: 'codes_exist' })
      const movesTimes = patch.retention !== undefined || patch.abandoned !== undefined
      await writeSettings(writer, shopId, JSON.stringify(changed), clock.now(), movesTimes)
      const told = (own: SettingsPatch) => JSON.stringify(namedIn(patch, settingsOf(preset as PresetName, own)))
      await insertAudit(writer, {
        shop_id: shopId,
        id: random.id('aud'),
        at: clock.now(),
        actor: by,
        action: 'settings.changed',
        subject: shopId,
        before: told(own),
        after: told(changed),
      })
      await moveEpoch(writer, shopId, null, clock.now())
      return { id: subject }
    })
  }

  /** A patch whose tax rates can be told apart by their ids. */
  function withIds(patch: SettingsPatch): SettingsPatch {
    const { tax } = patch
    return tax?.rates === undefined ? patch : { ...patch, tax: { ...tax, rates: withRateIds(tax.rates, () => random.id('txr')) } }
  }

  /** Writes products as they come; bad ones are reported and stop nothing. Importing the same twice changes nothing. */
  async function importProducts(
    shopId: string,
    rows: AsyncIterable<ImportRow>,
    onProgress: (done: number) => void = () => undefined,
  ): Promise<ImportReport> {
    const counts = { created: 0, changed: 0, unchanged: 0, refusedCount: 0 }
    const refused: { line: number; handle?: string; column?: string; reason: string }[] = []
    const tell = (refusal: (typeof refused)[number]) => {
      counts.refusedCount++
      if (refused.length < REPORTED_MAX) refused.push(refusal)
    }
    let chunk: { line: number; product: SentProduct }[] = []
    let done = 0
    const flush = async () => {
      for (const { line, outcome, reason, handle } of await writeChunk(shopId, chunk)) {
        if (outcome === 'refused') tell({ line, handle, reason: reason ?? '' })
        else counts[outcome]++
      }
      done += chunk.length
      chunk = []
      onProgress(done)
    }
    for await (const row of rows) {
      if ('refused' in row)
        tell({
          line: row.line,
          reason: row.refused,
          ...(row.handle === undefined ? {} : { handle: row.handle }),
          ...(row.column === undefined ? {} : { column: row.column }),
        })
      else if (chunk.push(row) >= IMPORT_CHUNK) await flush()
    }
    if (chunk.length > 0) await flush()
    return { ...counts, refused }
  }

  interface Written {
    readonly line: number
    readonly handle: string
    readonly outcome: 'created' | 'changed' | 'unchanged' | 'refused'
    readonly reason?: string
  }

  /** One transaction for a chunk; if it fails, each product by itself, so that one poison row stops nothing. */
  async function writeChunk(shopId: string, chunk: readonly { line: number; product: SentProduct }[]): Promise<Written[]> {
    const write = (rows: typeof chunk) =>
      store.transact(async (writer) => {
        const written: Written[] = []
        const skus: string[] = []
        // All stock rows of the chunk at once, in order of sku: the order in which orders lock them, too.
        await lockStock(
          writer,
          shopId,
          rows.flatMap(({ product }) => product.variants.map((variant) => variant.sku)),
        )
        for (const { line, product } of rows) {
          const result = await writeProduct(writer, shopId, product, clock.now(), random.id('prd'))
          if (result.outcome === 'created' || result.outcome === 'changed') skus.push(...result.skus)
          written.push({
            line,
            handle: product.handle,
            outcome: result.outcome,
            ...(result.outcome === 'refused' ? { reason: result.reason } : {}),
          })
        }
        if (skus.length > 0) await moveEpoch(writer, shopId, skus, clock.now())
        return written
      })
    if (chunk.length === 0) return []
    try {
      return await write(chunk)
    } catch (error) {
      if (chunk.length === 1)
        return chunk.map(({ line, product }) => ({
          line,
          handle: product.handle,
          outcome: 'refused',
          reason: `The database refused it: ${error instanceof Error ? error.message : String(error)}`,
        }))
      const written: Written[] = []
      for (const row of chunk) written.push(...(await writeChunk(shopId, [row])))
      return written
    }
  }

  /** Writes one product, found by its handle. */
  function putProduct(shopId: string, product: SentProduct, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      await lockStock(
        writer,
        shopId,
        product.variants.map((variant) => variant.sku),
      )
      const result = await writeProduct(writer, shopId, product, clock.now(), random.id('prd'))
      if (result.outcome === 'refused') return refuse('already_exists', { sku: result.sku, path: '/variants', detail: result.reason })
      if (result.outcome !== 'unchanged') await moveEpoch(writer, shopId, result.skus, clock.now())
      return { id: result.id, created: result.outcome === 'created' }
    })
  }

  /** Sets how many there are of a tracked sku, or changes it by a difference. Stock is not part of the epoch. */
  function changeStock(shopId: string, sku: string, change: { onHand: number } | { delta: number }, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      await lockStock(writer, shopId, [sku])
      const row = await readStockRow(writer, shopId, sku)
      if (!row) return refuse('product_not_found', { sku, reason: 'unknown_or_untracked' })
      const onHand = 'onHand' in change ? change.onHand : row.on_hand + change.delta
      const path = 'onHand' in change ? '/onHand' : '/delta'
      if (onHand < 0 && row.policy === 'deny') return refuse('invalid', { path, reason: 'below_zero', onHand: row.on_hand })
      await setStock(writer, shopId, sku, onHand, row.policy, clock.now())
      return { sku, onHand, policy: row.policy }
    })
  }

  /** Writes a promotion (a new one without `id`). */
  function putPromotion(shopId: string, promotion: Omit<Promotion, 'id'> & { id?: string }, claim?: IdempotencyClaim) {
    const whole: Promotion = { ...promotion, id: promotion.id ?? random.id('prm') }
    return once(parts, shopId, claim, async (writer) => {
      const kept = (await readPromotions(writer, shopId)).map((each) => [each.id, loadOf(each)] as const)
      const total = kept.reduce((sum, [, load]) => loadWith(sum, { before: NO_LOAD, after: load }), NO_LOAD)
      const before = kept.find(([id]) => id === whole.id)?.[1] ?? NO_LOAD
      const crowded = loadRefusal(total, loadWith(total, { before, after: loadOf(whole) }))
      if (crowded) return crowded
      await writePromotion(writer, shopId, whole, clock.now())
      await moveEpoch(writer, shopId, null, clock.now())
      return { id: whole.id }
    })
  }

  /** A new key's id and token, before it exists: the token is shown once and never again, so it is made before it can be sealed. */
  function draftKey(kind: 'server' | 'staff'): { id: string; token: string; hash: string } {
    const id = random.id('key')
    const secret = random.secret()
    return { id, token: `${kind === 'server' ? 'sk' : 'st'}_${id.slice('key_'.length)}_${secret}`, hash: hashSecret(secret) }
  }

  /** Keeps a server or staff key that was drafted. */
  function makeKey(
    shopId: string,
    draft: { id: string; hash: string },
    input: { kind: 'server' | 'staff'; name: string; scopes: readonly Scope[] },
    claim?: IdempotencyClaim,
  ) {
    const { kind, name, scopes } = input
    const row = { shop_id: shopId, ...draft, kind, name, scopes: JSON.stringify(scopes), created_at: clock.now(), revoked_at: null }
    return once(parts, shopId, claim, async (writer) => {
      await insertApiKey(writer, row)
      return { id: draft.id }
    })
  }

  /** Revokes a key at once. */
  function dropKey(shopId: string, id: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      const revoked = await revokeApiKey(writer, shopId, id, clock.now())
      return revoked ? { id } : refuse('api_key_not_found', { id })
    })
  }

  return {
    makeShop,
    renameShop,
    changeSettings,
    importProducts,
    putProduct,
    changeStock,
    putPromotion,
    draftKey,
    makeKey,
    dropKey,
  }
}

function mergePatches(kept: SettingsPatch, patch: SettingsPatch): SettingsPatch {
  return patchSettings(kept as Settings, patch)
}

/** Whether a schema can be used: it follows the standard's own schema, refers to nothing outside of itself, and accepts or refuses an object. */
function isJsonSchema(schema: JsonSchema): boolean {
  if (!new Ajv2020({ strict: false }).validateSchema(schema)) return false
  try {
    new Validator(schema as Schema, '2020-12').validate({})
    return true
  } catch {
    return false
  }
}

/** The settings that a patch names, as they stand; of an issuer's secret only that there is one. */
function namedIn(patch: SettingsPatch, settings: Settings): Record<string, unknown> {
  const groups = Object.entries(withoutSecrets(settings)).flatMap(([group, values]) => {
    const named = Object.keys(patch[group as keyof Settings] ?? {})
    const kept = Object.entries(values as object).filter(([key]) => named.includes(key))
    return kept.length === 0 ? [] : [[group, Object.fromEntries(kept)]]
  })
  return Object.fromEntries(groups) as Record<string, unknown>
}

/** Settings without the secrets of issuers: as they are shown and audited. */
export function withoutSecrets(settings: Settings): Record<keyof Settings, unknown> {
  const issuers = settings.access.issuers.map(({ secret, ...issuer }) => ({
    ...issuer,
    ...(secret === undefined ? {} : { hasSecret: true }),
  }))
  return { ...settings, access: { ...settings.access, issuers } }
}

/** What the schema cannot say: durations, currencies, one source of trust per issuer. */
function settingsRefusal(patch: SettingsPatch, engines: OutsideEngines): Refusal | null {
  const durations: [string, string | undefined][] = [
    ['/inventory/holdTtl', patch.inventory?.holdTtl],
    ['/checkout/unpaidTtl', patch.checkout?.unpaidTtl],
    ['/orders/tokenTtl', patch.orders?.tokenTtl],
    ['/pricing/holdFor', patch.pricing?.holdFor],
    ['/restore/tokenTtl', patch.restore?.tokenTtl],
    ['/cart/activeDuration', patch.cart?.activeDuration],
    ['/abandoned/after', patch.abandoned?.after],
    ['/history/keep', patch.history?.keep],
    ['/email/keepLog', patch.email?.keepLog],
    ['/subscriptions/grace', patch.subscriptions?.grace],
    ...(patch.subscriptions?.retryAfter ?? []).map((each, index): [string, string] => [`/subscriptions/retryAfter/${index}`, each]),
    ['/retention/anonymous', patch.retention?.anonymous],
    ['/retention/account', patch.retention?.account],
    ['/retention/empty', patch.retention?.empty],
    ['/retention/drafts', patch.retention?.drafts],
    ['/retention/closed', patch.retention?.closed],
  ]
  for (const [path, duration] of durations) {
    if (duration !== undefined && durationMs(duration) === null)
      return refuse('invalid', { path, reason: 'not_a_duration', example: 'PT30M, P30D or never' })
  }
  if (patch.cart?.types?.includes(DRAFT_TYPE))
    return refuse('invalid', { path: `/cart/types/${patch.cart.types.indexOf(DRAFT_TYPE)}`, reason: 'means_orders_that_staff_prepares' })
  // Stock that is held for ever is lost to everybody.
  if (patch.inventory?.holdTtl === 'never') return refuse('invalid', { path: '/inventory/holdTtl', reason: 'must_end', example: 'PT30M' })
  for (const [country, currency] of Object.entries(patch.currency?.byCountry ?? {})) {
    if (exponentOf(currency) === undefined) return refuse('currency_unknown', { path: `/currency/byCountry/${country}`, currency })
  }
  for (const where of ['cart', 'line', 'order'] as const) {
    const schema = patch.attributes?.[where]
    if (schema && !isJsonSchema(schema)) return refuse('invalid', { path: `/attributes/${where}`, reason: 'not_a_json_schema' })
  }
  for (const [index, issuer] of (patch.access?.issuers ?? []).entries()) {
    if ((issuer.jwksUrl === undefined) === (issuer.secret === undefined))
      return refuse('invalid', { path: `/access/issuers/${index}`, reason: 'exactly_one_of_jwksUrl_and_secret' })
  }
  const methodIds = (patch.payment?.manualMethods ?? []).map(({ id }) => id)
  const twice = methodIds.findIndex((id, index) => methodIds.indexOf(id) !== index)
  if (twice >= 0) return refuse('invalid', { path: `/payment/manualMethods/${twice}/id`, reason: 'already_named' })
  const { referenceTemplate, statuses } = patch.orders ?? {}
  return (
    (referenceTemplate === undefined ? null : templateRefusal(referenceTemplate, '/orders/referenceTemplate')) ??
    (statuses === undefined ? null : statusesRefusal(statuses, '/orders/statuses')) ??
    ratesRefusal(patch.tax?.rates ?? [], '/tax/rates') ??
    methodsRefusal(patch.shipping?.methods ?? [], '/shipping/methods') ??
    outsideRefusal(patch, engines, 'tax') ??
    outsideRefusal(patch, engines, 'shipping')
  )
}

/** How long an outside engine may be waited for, in milliseconds. */
const ENGINE_DEADLINE_MAX_MS = 10_000

/** An outside engine must be installed, and nobody waits for it for long. */
function outsideRefusal(patch: SettingsPatch, engines: OutsideEngines, kind: 'tax' | 'shipping'): Refusal | null {
  const { provider, providerDeadline } = patch[kind] ?? {}
  if (provider && !engines[kind].includes(provider))
    return refuse('invalid', { path: `/${kind}/provider`, reason: 'not_installed', installed: engines[kind] })
  const deadline = providerDeadline === undefined ? 1 : durationMs(providerDeadline)
  if (deadline === null || deadline <= 0 || deadline > ENGINE_DEADLINE_MAX_MS)
    return refuse('invalid', { path: `/${kind}/providerDeadline`, reason: 'not_a_duration', example: 'PT2S, at most PT10S' })
  return null
}
