// Words for taxes in tables: `reduced:7%in` is 7 % of a category, included; `8.875%add` is added. After it, in this order: `+` compound · `~city` a
// tax of its own · its zone `@US`, `@US-CA`, `@US-CA-94103,941*,94000..94999`, `@US--94103`.
import type { Settings, TaxRate } from '../../src/core/settings.ts'
import { destinationOf } from './shipping-words.ts'
import { matched } from './words.ts'

/** The columns of a row that are about tax. */
type Cells = Readonly<Record<'reverse' | 'level' | 'based' | 'exempt' | 'vat' | 'billing', string>>

/** The rate that a word stands for. */
export function taxOf(word: string): TaxRate {
  const pattern = /^(?:([a-z]+):)?([\d.]+)%(in|add)(\+?)(?:~([a-z]+))?(?:@([A-Z]{2})(?:-([A-Z]*))?(?:-([\w*.,-]+))?)?$/
  const [, category = 'standard', percent = '', kind, compound, tax, country, region, codes] = matched(word, pattern)
  const zone = given({ country, region: region || undefined, postalCodes: codes?.split(',').map((each) => each.replace('..', '-')) })
  return { name: 'Tax', category, percent, included: kind === 'in', ...given({ tax, compound: compound === '+' || undefined }), ...zone }
}

function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

/** What the shop decided about tax. */
export function taxRulesOf(cells: Cells): Partial<Settings['tax']> {
  const [, home = '', countries = '', checked] = cells.reverse === '-' ? [] : matched(cells.reverse, /^([A-Z]{2}):([A-Z,]+)(!?)$/)
  return {
    roundingLevel: cells.level as Settings['tax']['roundingLevel'],
    basedOn: cells.based as Settings['tax']['basedOn'],
    exemptGroups: ['resellers'],
    exemptPrices: cells.exempt.endsWith('gross') ? 'gross' : 'net',
    reverseCharge: home === '' ? null : { home, countries: countries.split(','), require: checked === '!' ? 'checked' : 'format' },
  }
}

/** What the cart says of its buyer. */
export function buyerOf(cells: Cells) {
  const [, vatId = null, checked] = cells.vat === '-' ? [] : matched(cells.vat, /^([A-Z]{2}\w+)(!?)$/)
  const [, said] = cells.exempt === '-' ? [] : matched(cells.exempt, /^(said|group)?(?:\/?gross)?$/)
  return {
    billingAddress: cells.billing === '-' ? null : destinationOf(cells.billing),
    billingSameAsShipping: cells.billing === '-',
    vatId,
    vatIdChecked: checked === '!',
    taxExempt: said === 'said',
    customerGroups: said === 'group' ? ['resellers'] : [],
  }
}
