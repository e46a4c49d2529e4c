// The demo: a shop `demo` and one per preset, each with the same catalogue, shipping, tax and some codes to try, and a shop `offers` that shows
// prices by quantity, promotions and postal zones. Made once; a second start finds them again.
import { createReadStream } from 'node:fs'
import { exponentOf } from '../core/currency.ts'
import { EMAIL_KINDS } from '../core/email.ts'
import type { Price, ProductInput, VariantInput } from '../core/product.ts'
import { needsCode, PROMOTION_DEFAULTS, type Promotion } from '../core/promotion.ts'
import { isRefusal, type Refusal } from '../core/refusal.ts'
import type { PresetName, SettingsPatch } from '../core/settings.ts'
import type { Engine } from '../engine/engine.ts'
import { readProductCsv } from '../engine/product-csv.ts'

const SHOPS: readonly { id: string; name: string; preset: PresetName }[] = [
  { id: 'demo', name: 'Fern & Kettle', preset: 'default' },
  { id: 'store', name: 'Fern & Kettle (store)', preset: 'store' },
  { id: 'fill', name: 'Fern & Kettle (fill)', preset: 'fill' },
  { id: 'reconcile', name: 'Fern & Kettle (reconcile)', preset: 'reconcile' },
  { id: 'service', name: 'Fern & Kettle (service)', preset: 'service' },
  { id: 'classic', name: 'Fern & Kettle (classic)', preset: 'classic' },
]

/** A promotion of the demo. Its id is made of `code`, which is also its code where one of its conditions asks for one. */
type DemoPromotion = Pick<Promotion, 'name' | 'conditions' | 'benefit'> & Partial<Promotion> & { code: string }

const PROMOTIONS: readonly DemoPromotion[] = [
  { code: 'WELCOME10', name: '10 % off', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '10' } },
  {
    code: 'TENOFF50',
    name: '10 off from 50',
    conditions: [
      { kind: 'code' },
      {
        kind: 'item_total',
        atLeast: [
          { currency: 'USD', amount: 5000 },
          { currency: 'EUR', amount: 5000 },
        ],
      },
    ],
    benefit: {
      kind: 'amount_off',
      amounts: [
        { currency: 'USD', amount: 1000 },
        { currency: 'EUR', amount: 1000 },
      ],
    },
  },
  { code: 'SHIPFREE', name: 'Free shipping', conditions: [{ kind: 'code' }], benefit: { kind: 'free_shipping' } },
  {
    code: 'GRATIS',
    name: 'Everything free (to try a free order)',
    conditions: [{ kind: 'code' }],
    benefit: { kind: 'percent_off', percent: '100' },
  },
]

/** The shop of offers: prices by quantity, promotions of several kinds, shipping with zones. */
const OFFERS = { id: 'offers', name: 'Fern & Kettle (offers)', preset: 'default' } as const

const OFFER_PRICES: Readonly<Record<string, readonly Price[]>> = {
  'MUG-STONE': [
    { currency: 'USD', amount: 1600, quantityFrom: 4 },
    { currency: 'USD', amount: 1500, group: 'trade' },
  ],
}

const OFFER_PROMOTIONS: readonly DemoPromotion[] = [
  {
    code: 'COFFEE',
    name: 'Three for two: coffee things',
    conditions: [],
    benefit: {
      kind: 'buy_get',
      buy: { quantity: 2, of: { tags: ['coffee'] } },
      get: { quantity: 1, of: { tags: ['coffee'] }, percent: '100' },
      max: 5,
    },
  },
  {
    code: 'PENCILS',
    name: 'A set of pencils from 100.00',
    lane: 1,
    conditions: [{ kind: 'item_total', atLeast: [{ currency: 'USD', amount: 10_000 }] }],
    benefit: { kind: 'gift', sku: 'PENCIL-SET-5', quantity: 1 },
  },
  {
    code: 'HELLO',
    name: '10 % off a first order',
    lane: 1,
    perCustomer: { uses: 1, within: null },
    budget: [{ currency: 'USD', amount: 100_000 }],
    tellsReasons: true,
    conditions: [{ kind: 'code' }, { kind: 'first_order' }],
    benefit: { kind: 'percent_off', percent: '10' },
  },
]

const EU = ['AT', 'BE', 'DE', 'ES', 'FR', 'IE', 'IT', 'NL', 'PT']

function demoSettings(issuer: NonNullable<NonNullable<SettingsPatch['access']>['issuers']>[number]): SettingsPatch {
  const flat = (id: string, name: string, us: number, eu: number, freeFrom?: number) => ({
    id,
    name,
    rates: [
      { countries: ['US', 'CA'], currency: 'USD', amount: us, ...(freeFrom === undefined ? {} : { freeFrom }) },
      { countries: EU, currency: 'USD', amount: eu },
      { countries: EU, currency: 'EUR', amount: eu },
    ],
  })
  return {
    access: { issuers: [issuer] },
    shipping: { methods: [flat('standard', 'Standard (3 to 5 days)', 495, 695, 7500), flat('express', 'Express (next day)', 1495, 2495)] },
    tax: {
      rates: [
        { name: 'VAT', category: 'standard', country: 'DE', percent: '19', included: true },
        { name: 'VAT', category: 'standard', country: 'FR', percent: '20', included: true },
        { name: 'Sales tax', category: 'standard', country: 'US', region: 'NY', percent: '8.875', included: false },
      ],
      shippingCategory: 'standard',
    },
    email: { from: { name: 'Fern & Kettle', address: 'shop@fern-and-kettle.example' }, statuses: ['completed'], kinds: [...EMAIL_KINDS] },
  }
}

/** What the shop of offers has beside the demo's settings: parcels by weight, and islands that cost more. */
const OFFER_SETTINGS: SettingsPatch = {
  shipping: {
    methods: [
      {
        id: 'parcel',
        name: 'Parcel',
        maxGrams: 30_000,
        rates: [
          { countries: ['US'], postalCodes: ['967*', '968*'], currency: 'USD', amount: 2495 },
          {
            countries: ['US'],
            currency: 'USD',
            amount: 495,
            freeFrom: 10_000,
            by: 'weight',
            steps: [
              { from: 1000, amount: 795 },
              { from: 5000, amount: 1495 },
            ],
          },
        ],
      },
    ],
  },
}

/** Makes what is missing of the demo. `jwtSecret` signs demo logins. Rejects when the demo's own files are broken. */
export async function seedDemo(
  { catalogue, promotions, facts }: Engine,
  options: { folder: string; jwtSecret: string; issuer: { name: string; iss: string; aud: string } },
): Promise<void> {
  for (const { id, name, preset } of [...SHOPS, OFFERS]) {
    const wanted = id === OFFERS.id ? OFFER_PROMOTIONS : PROMOTIONS
    const shop = await facts.shop(id)
    // A start that was interrupted, or another node that starts at the same moment, leaves nothing half made: every step may be repeated.
    if (shop && shop.promotions.size >= wanted.length) continue
    const made = await catalogue.makeShop({ id, name, currency: 'USD', preset })
    if (isRefusal(made) && made.refused !== 'already_exists') unrefused(made)
    const issuer = {
      ...options.issuer,
      algorithms: ['HS256'],
      secret: options.jwtSecret,
      emailClaim: 'email',
      emailVerifiedClaim: 'email_verified',
    }
    unrefused(await catalogue.changeSettings(id, demoSettings(issuer), 'demo'))
    if (id === OFFERS.id) unrefused(await catalogue.changeSettings(id, OFFER_SETTINGS, 'demo'))
    const rows = readProductCsv(createReadStream(`${options.folder}/catalogue.csv`), { currency: 'USD', exponent: exponentOf })
    const report = await catalogue.importProducts(id, withPrices(rows, id === OFFERS.id ? [inEuro, withOffers] : [inEuro]))
    if (report.refusedCount > 0) throw new Error(`The demo catalogue has bad rows: ${JSON.stringify(report.refused.slice(0, 3))}`)
    for (const { code, ...given } of wanted) {
      const promotion: Promotion = { ...PROMOTION_DEFAULTS, ...given, id: `prm_${id}_${code.toLowerCase()}` }
      unrefused(await catalogue.putPromotion(id, promotion))
      if (!needsCode(promotion)) continue
      const current = await facts.shop(id)
      const added = current && (await promotions.addCode(current, promotion.id, { code, usesMax: null }))
      if (isRefusal(added) && added.refused !== 'already_exists') unrefused(added)
    }
  }
}

/** The catalogue with more prices beside those of the file, which has one for each variant. */
async function* withPrices(
  rows: ReturnType<typeof readProductCsv>,
  more: readonly ((variant: VariantInput, product: ProductInput) => readonly Price[])[],
): ReturnType<typeof readProductCsv> {
  for await (const row of rows) {
    if (!('product' in row)) yield row
    else {
      const { product } = row
      const variants = product.variants.map((variant) => ({
        ...variant,
        prices: [...variant.prices, ...more.flatMap((pricesOf) => pricesOf(variant, product))],
      }))
      yield { ...row, product: { ...product, variants } }
    }
  }
}

/** Things cost the same figure in euro; what is the last of a batch is sold in its own currency alone, as credit and plans are. */
function inEuro({ prices }: VariantInput, { kind, tags }: ProductInput): readonly Price[] {
  if (kind === 'recharge' || kind === 'subscription' || tags.includes('limited')) return []
  return prices.flatMap((price) => (price.currency === 'USD' ? { ...price, currency: 'EUR' } : []))
}

function withOffers({ sku }: VariantInput): readonly Price[] {
  return OFFER_PRICES[sku] ?? []
}

function unrefused<T>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`The demo could not be made: ${JSON.stringify(result)}`)
  return result as T
}
