// The demo: a shop `demo` and one per preset, each with the same catalogue, shipping, tax and some codes to try. Made once; a second start finds
// them again.
import { createReadStream } from 'node:fs'
import { exponentOf } from '../core/money.ts'
import { type Benefit, type Condition, PROMOTION_DEFAULTS } from '../core/promotion.ts'
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

const PROMOTIONS: readonly { code: string; name: string; conditions: readonly Condition[]; benefit: Benefit }[] = [
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
  }
}

/** Makes what is missing of the demo. `jwtSecret` signs demo logins. Rejects when the demo's own files are broken. */
export async function seedDemo(
  { catalogue, promotions, facts }: Engine,
  options: { folder: string; jwtSecret: string; issuer: { name: string; iss: string; aud: string } },
): Promise<void> {
  for (const { id, name, preset } of SHOPS) {
    const shop = await facts.shop(id)
    // A start that was interrupted, or another node that starts at the same moment, leaves nothing half made: every step may be repeated.
    if (shop && shop.promotions.size >= PROMOTIONS.length) continue
    const made = await catalogue.makeShop({ id, name, currency: 'USD', preset })
    if (isRefusal(made) && made.refused !== 'already_exists') unrefused(made)
    const issuer = { ...options.issuer, algorithms: ['HS256'], secret: options.jwtSecret, emailClaim: 'email' }
    unrefused(await catalogue.changeSettings(id, demoSettings(issuer), 'demo'))
    const rows = readProductCsv(createReadStream(`${options.folder}/catalogue.csv`), { currency: 'USD', exponent: exponentOf })
    const report = await catalogue.importProducts(id, rows)
    if (report.refusedCount > 0) throw new Error(`The demo catalogue has bad rows: ${JSON.stringify(report.refused.slice(0, 3))}`)
    for (const { code, name: label, conditions, benefit } of PROMOTIONS) {
      const fixed = { ...PROMOTION_DEFAULTS, id: `prm_${id}_${code.toLowerCase()}` }
      const { value } = unrefused(await catalogue.putPromotion(id, { ...fixed, name: label, conditions, benefit }))
      const current = await facts.shop(id)
      const added = current && (await promotions.addCode(current, value.id, { code, usesMax: null }))
      if (isRefusal(added) && added.refused !== 'already_exists') unrefused(added)
    }
  }
}

function unrefused<T>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`The demo could not be made: ${JSON.stringify(result)}`)
  return result as T
}
