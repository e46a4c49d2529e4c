// Reads pricing tables: one cart a row, columns separated by `|`, and after `#` where its numbers come from (a row without one is an error).
//   lines       `2x1999` two at 19.99 · `1070@reduced` of a tax category · `500~` needs no shipping; separated by spaces
//   promotions  `119off` · `10%` · `freeship`, running in this order; `-` none
//   shipping    `499` · `499^5000` free from an item total of 50.00 · `+tax` after it: taxed as `standard`; `-` none chosen
//   tax         `19%in` included · `8.875%add` added · `reduced:7%in` of a category; `-` none · after it, in this order: `+` compound ·
//               `~city` a tax of its own · `@US`, `@US-CA`, `@US-CA-94103,941*,94000..94999`, `@US--94103` its zone
//   level       where tax is rounded: `unit`, `line` or `order`
//   address     where it goes, `US-CA-94103`, `DE`, `DE--10115`; `billing` is the other address, `based` which of them decides the tax
//   vat         a VAT id, with `!` when it was checked; `reverse` who may use one: `AT:DE,FR` sold from AT, with `!` when it must be checked
//   exempt      `said` of the cart · `group` of its customer; with `/gross` the price stays; `gross` alone is for reverse charge
//   taxes       the tax of each line, whatever it is contained in or added to; the last number is that of shipping where there is a method
//   split       what each line was given off; the totals: items, discount, shipped, included, added, total
// Every column but `total` may be left out; `-` is nothing, or unchecked.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { Address, Cart } from '../../src/core/cart.ts'
import type { Facts } from '../../src/core/facts.ts'
import type { Rounding } from '../../src/core/money.ts'
import type { Benefit } from '../../src/core/promotion.ts'
import type { Settings, ShippingRate, TaxRate } from '../../src/core/settings.ts'
import { ratesRefusal } from '../../src/core/tax-rates.ts'
import { cartWith, factsOf, guestCart, line, promotionOf, variantOf } from '../facts.ts'

const TOTALS = ['items', 'discount', 'shipped', 'included', 'added', 'total'] as const

/** The columns that a table may have, each with what it says where a table leaves it out. Totals that are left out are not checked. */
const COLUMNS = {
  currency: 'USD',
  lines: '-',
  promotions: '-',
  shipping: '-',
  tax: '-',
  rounding: 'halfUp',
  level: 'line',
  address: '-',
  billing: '-',
  based: 'shipping',
  vat: '-',
  reverse: '-',
  exempt: '-',
  taxes: '-',
  split: '-',
  items: '-',
  discount: '-',
  shipped: '-',
  included: '-',
  added: '-',
  total: '-',
} as const
type Column = keyof typeof COLUMNS

/** One row: a cart that can be priced, and what it must cost. */
export interface Row {
  readonly title: string
  readonly cart: Cart
  readonly facts: Facts
  readonly split: readonly number[] | null
  /** The tax of each line and, where there is a shipping method, of shipping. */
  readonly taxes: readonly number[] | null
  readonly totals: Readonly<Partial<Record<(typeof TOTALS)[number], number>>>
}

/** All rows of all tables in this folder. */
export function readTables(): Row[] {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.table'))
  return files.sort().flatMap((file) => rowsOf(file, readFileSync(`${import.meta.dirname}/${file}`, 'utf8')))
}

/** The rows of one table. The first line that is no comment names its columns, in any order; `total` is always one of them. */
export function rowsOf(file: string, text: string): Row[] {
  const rows: Row[] = []
  let head: string[] | null = null
  for (const [index, raw] of text.split('\n').entries()) {
    if (raw.trim() === '' || raw.startsWith('#')) continue
    const [content = '', source = ''] = raw.split('#').map((part) => part.trim())
    const cells = content.split('|').map((cell) => cell.trim())
    const at = `${file}:${index + 1}`
    if (head === null) {
      for (const cell of cells) assert.ok(Object.hasOwn(COLUMNS, cell), `${at}: "${cell}" is no column`)
      assert.ok(cells.includes('total') && new Set(cells).size === cells.length, `${at}: each column once, total among them`)
      head = cells
      continue
    }
    assert.equal(cells.length, head.length, `${at}: a row has ${head.length} columns`)
    assert.ok(source !== '', `${at}: say after # where the numbers come from`)
    rows.push(rowOf(`${at} ${source}`, { ...COLUMNS, ...Object.fromEntries(head.map((column, each) => [column, cells[each] ?? ''])) }))
  }
  return rows
}

function rowOf(title: string, cells: Readonly<Record<Column, string>>): Row {
  const cell = (name: Column): string => cells[name]
  const currency = cell('currency')
  const wanted = words(cell('lines')).map((word, index) => wantedLine(word, `SKU-${index}`, currency))
  const [rate, taxed] = shippingOf(cell('shipping'), currency)
  const rates = words(cell('tax')).map(taxOf)
  assert.equal(ratesRefusal(rates, ''), null, 'rates that no shop could have')
  const facts = factsOf({
    currency,
    variants: wanted.map((each) => each.variant),
    promotions: words(cell('promotions')).map((word, index) => promotionOf(`promo_${index}`, benefitOf(word, currency))),
    settings: {
      pricing: { rounding: cell('rounding') as Rounding },
      tax: { rates, shippingCategory: taxed ? 'standard' : null, ...taxRulesOf(cells) },
      shipping: { methods: rate ? [{ id: 'post', name: 'Post', rates: [rate] }] : [] },
    },
  })
  const empty = guestCart({ currency, shippingMethod: rate ? 'post' : null, ...buyerOf(cells) })
  const cart = cartWith(
    facts,
    wanted.map((each) => line(each.variant.sku, each.quantity)),
    empty,
  )
  const checked = TOTALS.filter((name) => cell(name) !== '-')
  const totals = Object.fromEntries(checked.map((name) => [name, amount(cell(name))])) as Row['totals']
  const amounts = (name: Column) => (cell(name) === '-' ? null : words(cell(name)).map(amount))
  return { title, cart, facts, split: amounts('split'), taxes: amounts('taxes'), totals }
}

function words(text: string): string[] {
  return text === '-' ? [] : text.split(/\s+/)
}

function amount(text: string): number {
  assert.match(text, /^-?\d+$/, `${text} is not an amount in minor units`)
  return Number(text)
}

function wantedLine(word: string, sku: string, currency: string) {
  const [, quantity = '1', price = '', category = 'standard', digital = ''] = matched(word, /^(?:(\d+)x)?(\d+)(?:@([a-z]+))?(~?)$/)
  const variant = variantOf(sku, { [currency]: amount(price) }, { taxCategory: category, requiresShipping: digital === '' })
  return { variant, quantity: Number(quantity) }
}

function benefitOf(word: string, currency: string): Benefit {
  if (word === 'freeship') return { kind: 'free_shipping' }
  const [, number = '', unit] = matched(word, /^([\d.]+)(off|%)$/)
  return unit === '%' ? { kind: 'percent_off', percent: number } : { kind: 'amount_off', amounts: [{ currency, amount: amount(number) }] }
}

function shippingOf(text: string, currency: string): [ShippingRate | null, boolean] {
  if (text === '-') return [null, false]
  const [, price = '', free, taxed] = matched(text, /^(\d+)(?:\^(\d+))?(\+tax)?$/)
  return [{ currency, amount: amount(price), ...(free === undefined ? {} : { freeFrom: amount(free) }) }, taxed !== undefined]
}

function taxOf(word: string): TaxRate {
  const pattern = /^(?:([a-z]+):)?([\d.]+)%(in|add)(\+?)(?:~([a-z]+))?(?:@([A-Z]{2})(?:-([A-Z]*))?(?:-([\w*.,-]+))?)?$/
  const [, category = 'standard', percent = '', kind, compound, tax, country, region, codes] = matched(word, pattern)
  const zone = given({ country, region: region || undefined, postalCodes: codes?.split(',').map((each) => each.replace('..', '-')) })
  return { name: 'Tax', category, percent, included: kind === 'in', ...given({ tax, compound: compound === '+' || undefined }), ...zone }
}

function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

function taxRulesOf(cells: Readonly<Record<Column, string>>): Partial<Settings['tax']> {
  const [, home = '', countries = '', checked] = cells.reverse === '-' ? [] : matched(cells.reverse, /^([A-Z]{2}):([A-Z,]+)(!?)$/)
  return {
    roundingLevel: cells.level as Settings['tax']['roundingLevel'],
    basedOn: cells.based as Settings['tax']['basedOn'],
    exemptGroups: ['resellers'],
    exemptPrices: cells.exempt.endsWith('gross') ? 'gross' : 'net',
    reverseCharge: home === '' ? null : { home, countries: countries.split(','), require: checked === '!' ? 'checked' : 'format' },
  }
}

function buyerOf(cells: Readonly<Record<Column, string>>): Partial<Cart> {
  const [, vatId = null, checked] = cells.vat === '-' ? [] : matched(cells.vat, /^([A-Z]{2}\w+)(!?)$/)
  const [, said] = cells.exempt === '-' ? [] : matched(cells.exempt, /^(said|group)?(?:\/?gross)?$/)
  return {
    shippingAddress: addressOf(cells.address),
    billingAddress: addressOf(cells.billing),
    billingSameAsShipping: cells.billing === '-',
    vatId,
    vatIdChecked: checked === '!',
    taxExempt: said === 'said',
    customerGroups: said === 'group' ? ['resellers'] : [],
  }
}

function addressOf(text: string): Address | null {
  if (text === '-') return null
  const [, country = '', region, postalCode] = matched(text, /^([A-Z]{2})(?:-([A-Z]*))?(?:-(.+))?$/)
  return { country, ...given({ region: region || undefined, postalCode }) }
}

function matched(word: string, pattern: RegExp): (string | undefined)[] {
  const match = pattern.exec(word)
  assert.ok(match, `"${word}" does not read as ${pattern}`)
  return [...match]
}
