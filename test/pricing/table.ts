// Reads pricing tables: one cart a row, columns separated by `|`, and after `#` where its numbers come from (a row without one is an error).
//   lines       `2x1999` two at 19.99 · `1070@reduced` of a tax category · `800:500g` weighs 500 grams (else 100) · `800&bulky` of a shipping
//               category · `500~` needs no shipping; in this order, separated by spaces
//               `3x$` three of the one variant that has the row's prices; each such word is a line of its own
//   also        what the shop sells besides, such as gifts: like `lines`; its skus go on counting
//   prices      `900` for everybody, and with terms in this order: `900*10` from 10 pieces, `@trade` for a group, `>0` from a moment, `<1000` until
//               one (milliseconds after the moment of the tests); separated by spaces
//   groups, at  groups of the customer; how many milliseconds after that moment the cart is priced
//   unit        what one piece of each line costs
//   promotions  running in this order unless a mark says otherwise; `-` none (words in promotion-words.ts)
//   base        what percentages are of: `original` (left out) or `running`
//   best        lanes in which only the best promotion applies: `0,2`
//   shipping    `499` · `499^5000` free from an item total of 50.00 · `+tax` after it: taxed as `standard`; `-` none chosen
//   methods     shipping methods, instead of `shipping` (words in shipping-words.ts); `chosen` the one that was chosen, `-` none
//   to          where it goes: `DE`, `US-CA-94103`, `DE--10115`, with `_` for a space; `home` the country that the shop assumes
//   unchosen    what counts while no method is chosen; `floor` below what no total falls
//   offers      the methods that are offered with their prices, `post=499 sea=299`, `none`; `est` the estimate, `none` where there is none
//   tax         tax rates: `19%in` included · `8.875%add` added · `reduced:7%in` of a category (words in tax-words.ts); `-` none
//   level       where tax is rounded: `unit`, `line` or `order`
//   billing     the other address; `based` which of them decides the tax
//   vat         a VAT id, with `!` when it was checked; `reverse` who may use one: `AT:DE,FR` sold from AT, with `!` when it must be checked
//   exempt      `said` of the cart · `group` of its customer; with `/gross` the price stays; `gross` alone is for reverse charge
//   taxes       the tax of each line, whatever it is contained in or added to; the last number is that of shipping where there is a method
//   split       what each line was given off, gifts last; the totals: items, discount, shipped, included, added, total
// Every column but `total` may be left out; `-` is nothing, or unchecked.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { Cart } from '../../src/core/cart.ts'
import type { Facts } from '../../src/core/facts.ts'
import type { Rounding } from '../../src/core/money.ts'
import type { Price, Variant } from '../../src/core/product.ts'
import type { Settings, ShippingRate } from '../../src/core/settings.ts'
import { ratesRefusal } from '../../src/core/tax-rates.ts'
import { cartWith, factsOf, guestCart, line, NOW, variantOf } from '../facts.ts'
import { promotionIn } from './promotion-words.ts'
import { destinationOf, methodOf } from './shipping-words.ts'
import { buyerOf, taxOf, taxRulesOf } from './tax-words.ts'
import { amount, matched } from './words.ts'

const TOTALS = ['items', 'discount', 'shipped', 'included', 'added', 'total'] as const

/** The columns that a table may have, each with what it says where a table leaves it out. Totals that are left out are not checked. */
const COLUMNS = {
  currency: 'USD',
  lines: '-',
  prices: '-',
  groups: '-',
  at: '0',
  also: '-',
  promotions: '-',
  shipping: '-',
  methods: '-',
  chosen: '-',
  to: '-',
  home: '-',
  unchosen: 'none',
  floor: 'zero',
  offers: '-',
  est: '-',
  tax: '-',
  rounding: 'halfUp',
  unit: '-',
  base: 'original',
  best: '-',
  level: 'line',
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
  readonly unit: readonly number[] | null
  readonly split: readonly number[] | null
  /** What is offered for how much, and the estimate; undefined where the table does not say. */
  readonly offers: string | undefined
  readonly estimate: number | null | undefined
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
  const priced = variantOf('PRICED', {}, { prices: words(cell('prices')).map((word) => priceOf(word, currency)) })
  const wanted = words(cell('lines')).map((word, index) => wantedLine(word, `SKU-${index}`, currency, priced))
  const besides = words(cell('also')).map((word, index) => wantedLine(word, `SKU-${wanted.length + index}`, currency, priced))
  const [rate, taxed] = shippingOf(cell('shipping'), currency)
  const rates = words(cell('tax')).map(taxOf)
  assert.equal(ratesRefusal(rates, ''), null, 'rates that no shop could have')
  const facts = factsOf({
    currency,
    now: NOW + amount(cell('at')),
    variants: [...wanted, ...besides].map((each) => each.variant),
    promotions: words(cell('promotions')).map((word, index) => promotionIn(word, `promo_${index}`, currency)),
    settings: {
      promotions: {
        percentBase: cell('base') as 'original' | 'running',
        bestOfLanes: cell('best') === '-' ? [] : cell('best').split(',').map(amount),
      },
      pricing: { rounding: cell('rounding') as Rounding },
      tax: {
        rates,
        shippingCategory: taxed ? 'standard' : null,
        defaultCountry: cell('home') === '-' ? null : cell('home'),
        ...taxRulesOf(cells),
      },
      shipping: {
        methods: rate ? [{ id: 'post', name: 'Post', rates: [rate] }] : words(cell('methods')).map((word) => methodOf(word, currency)),
        whenNotChosen: cell('unchosen') as Settings['shipping']['whenNotChosen'],
      },
      totals: { floor: cell('floor') as Settings['totals']['floor'] },
    },
  })
  const chosen = cell('chosen') === '-' ? null : cell('chosen')
  const shippingAddress = cell('to') === '-' ? null : destinationOf(cell('to'))
  const buyer = buyerOf(cells)
  const customerGroups = [...words(cell('groups')), ...buyer.customerGroups]
  const empty = guestCart({ currency, shippingMethod: rate ? 'post' : chosen, shippingAddress, ...buyer, customerGroups })
  const cart = cartWith(
    facts,
    wanted.map((each, index) => line(each.variant.sku, each.quantity, { options: each.variant === priced ? { Line: index } : {} })),
    empty,
  )
  const checked = TOTALS.filter((name) => cell(name) !== '-')
  const totals = Object.fromEntries(checked.map((name) => [name, amount(cell(name))])) as Row['totals']
  const amounts = (name: Column) => (cell(name) === '-' ? null : words(cell(name)).map(amount))
  return {
    title,
    cart,
    facts,
    unit: amounts('unit'),
    split: amounts('split'),
    taxes: amounts('taxes'),
    offers: cell('offers') === '-' ? undefined : cell('offers'),
    estimate: cell('est') === '-' ? undefined : cell('est') === 'none' ? null : amount(cell('est')),
    totals,
  }
}

function words(text: string): string[] {
  return text === '-' ? [] : text.split(/\s+/)
}

function priceOf(word: string, currency: string): Price {
  const [, price = '', from, group, start, end] = matched(word, /^(\d+)(?:\*(\d+))?(?:@([a-z]+))?(?:>(-?\d+))?(?:<(-?\d+))?$/)
  return {
    currency,
    amount: amount(price),
    ...(from === undefined ? {} : { quantityFrom: amount(from) }),
    ...(group === undefined ? {} : { group }),
    ...(start === undefined ? {} : { startsAt: NOW + amount(start) }),
    ...(end === undefined ? {} : { endsAt: NOW + amount(end) }),
  }
}

function wantedLine(word: string, sku: string, currency: string, priced: Variant) {
  const [, several] = /^(\d+)x\$$/.exec(word) ?? []
  if (several !== undefined) return { variant: priced, quantity: Number(several) }
  const [, quantity = '1', price = '', category = 'standard', grams = '100', shippingCategory, digital = ''] = matched(
    word,
    /^(?:(\d+)x)?(\d+)(?:@([a-z]+))?(?::(\d+)g)?(?:&([a-z]+))?(~?)$/,
  )
  const ships = { requiresShipping: digital === '', grams: Number(grams), ...(shippingCategory === undefined ? {} : { shippingCategory }) }
  const variant = variantOf(sku, { [currency]: amount(price) }, { taxCategory: category, ...ships })
  return { variant, quantity: Number(quantity) }
}

function shippingOf(text: string, currency: string): [ShippingRate | null, boolean] {
  if (text === '-') return [null, false]
  const [, price = '', free, taxed] = matched(text, /^(\d+)(?:\^(\d+))?(\+tax)?$/)
  return [{ currency, amount: amount(price), ...(free === undefined ? {} : { freeFrom: amount(free) }) }, taxed !== undefined]
}
