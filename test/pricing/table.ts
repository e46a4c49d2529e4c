// Reads pricing tables: one cart a row, columns separated by `|`, and after `#` where its numbers come from (a row without one is an error).
//   lines       `2x1999` two at 19.99 · `1070@reduced` of a tax category · `500~` needs no shipping; separated by spaces
//   also        what the shop sells besides, such as gifts: like `lines`; its skus go on counting
//   promotions  running in this order unless a mark says otherwise; `-` none. SKU-0 is the sku of the first line, `[SKU-0,SKU-1]` limits to some:
//               `119off` · `10%` · of each line `10%@lines` · of each piece `50off@units` · off shipping `50%@ship` · `freeship`
//               buy two get one `b2g1` · half price `b2g1:50%` · of two sets `b2[SKU-0]g1[SKU-1]` · each piece `=1500` · three together `3for2000`
//               · a set `2[SKU-0]+1[SKU-1]for2500` · by pieces `tier:2=5%,5=10%` · by total `total:5000=5%` · `gift:SKU-1` · `gift:SKU-1x2`
//               marks follow after `;`: `cap=500` `max=2` `lane=1` `prio=5` `group=a` `exclusive` `stops` `base=running` `from=5000` (item total)
//   base        what percentages are of: `original` (left out) or `running`
//   best        lanes in which only the best promotion applies: `0,2`
//   shipping    `499` · `499^5000` free from an item total of 50.00 · `+tax` after it: taxed as `standard`; `-` none chosen
//   tax         `19%in` included · `8.875%add` added · `reduced:7%in` of a category; `-` none
//   split       what each line was given off, gifts last; the totals: items, discount, shipped, included, added, total
// Every column but `total` may be left out; `-` is nothing, or unchecked.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { Cart } from '../../src/core/cart.ts'
import type { Facts } from '../../src/core/facts.ts'
import type { Rounding } from '../../src/core/money.ts'
import type { Benefit, Promotion } from '../../src/core/promotion.ts'
import type { ShippingRate, TaxRate } from '../../src/core/settings.ts'
import { cartWith, factsOf, guestCart, line, promotionOf, variantOf } from '../facts.ts'

const TOTALS = ['items', 'discount', 'shipped', 'included', 'added', 'total'] as const

/** The columns that a table may have, each with what it says where a table leaves it out. Totals that are left out are not checked. */
const COLUMNS = {
  currency: 'USD',
  lines: '-',
  also: '-',
  promotions: '-',
  shipping: '-',
  tax: '-',
  rounding: 'halfUp',
  base: 'original',
  best: '-',
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
  const besides = words(cell('also')).map((word, index) => wantedLine(word, `SKU-${wanted.length + index}`, currency))
  const [rate, taxed] = shippingOf(cell('shipping'), currency)
  const facts = factsOf({
    currency,
    variants: [...wanted, ...besides].map((each) => each.variant),
    promotions: words(cell('promotions')).map((word, index) => readPromotion(word, `promo_${index}`, currency)),
    settings: {
      promotions: {
        percentBase: cell('base') as 'original' | 'running',
        bestOfLanes: cell('best') === '-' ? [] : cell('best').split(',').map(amount),
      },
      pricing: { rounding: cell('rounding') as Rounding },
      tax: { rates: words(cell('tax')).map(taxOf), shippingCategory: taxed ? 'standard' : null },
      shipping: { methods: rate ? [{ id: 'post', name: 'Post', rates: [rate] }] : [] },
    },
  })
  const empty = guestCart({ currency, shippingMethod: rate ? 'post' : null })
  const cart = cartWith(
    facts,
    wanted.map((each) => line(each.variant.sku, each.quantity)),
    empty,
  )
  const checked = TOTALS.filter((name) => cell(name) !== '-')
  const totals = Object.fromEntries(checked.map((name) => [name, amount(cell(name))])) as Row['totals']
  return { title, cart, facts, split: cell('split') === '-' ? null : words(cell('split')).map(amount), totals }
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

/** `10%@lines[SKU-0];cap=500;lane=1`: a benefit and marks. */
function readPromotion(word: string, id: string, currency: string): Promotion {
  const [benefit = '', ...marks] = word.split(';')
  const told = new Map(marks.map((mark) => [mark.split('=', 1)[0] ?? '', mark.slice(mark.indexOf('=') + 1)]))
  const number = (name: string) => (told.has(name) ? amount(told.get(name) ?? '') : undefined)
  const known = ['cap', 'max', 'lane', 'prio', 'group', 'exclusive', 'stops', 'base', 'from']
  for (const name of told.keys()) assert.ok(known.includes(name), `"${name}" is no mark of a promotion`)
  const cap = number('cap')
  const from = number('from')
  return promotionOf(id, benefitOf(benefit, currency, number('max')), {
    lane: number('lane') ?? 0,
    priority: number('prio') ?? 0,
    group: told.get('group') ?? null,
    exclusive: told.has('exclusive'),
    stops: told.has('stops'),
    percentBase: (told.get('base') as Promotion['percentBase'] | undefined) ?? null,
    cap: cap === undefined ? null : [{ currency, amount: cap }],
    conditions: from === undefined ? [] : [{ kind: 'item_total', atLeast: [{ currency, amount: from }] }],
  })
}

function benefitOf(word: string, currency: string, max: number | undefined): Benefit {
  const amounts = (text: string | undefined) => [{ currency, amount: amount(text ?? '') }]
  if (word === 'freeship') return { kind: 'free_shipping' }
  const gift = /^gift:([A-Z]+-\d+)(?:x(\d+))?$/.exec(word)
  if (gift) return { kind: 'gift', sku: gift[1] ?? '', quantity: Number(gift[2] ?? 1) }
  const tiers = /^(tier|total):([^[]+)(\[.*\])?$/.exec(word)
  if (tiers) {
    const steps = (tiers[2] ?? '').split(',').map((step) => matched(step, /^(\d+)=([\d.]+)%$/))
    const isTotal = tiers[1] === 'total'
    const read = steps.map(([, from, percent = '']) => ({ from: isTotal ? amounts(from) : amount(from ?? ''), percent }))
    return { kind: 'tiered_percent', by: isTotal ? 'item_total' : 'quantity', tiers: read, ...filterOf(tiers[3]) }
  }
  const limit = max === undefined ? {} : { max }
  const pieces = max === undefined ? {} : { maxUnits: max }
  const together = /^(.+)for(\d+)(\[.*\])?$/.exec(word)
  if (together) {
    const items = (together[1] ?? '').split('+').map((item) => matched(item, /^(\d+)(\[.*\])?$/))
    const read = items.map(([, quantity = '', filter]) => ({ quantity: amount(quantity), ...filterOf(filter ?? together[3]) }))
    return { kind: 'bundle_price', items: read, prices: amounts(together[2]), ...limit }
  }
  const free = /^b(\d+)(\[.*?\])?g(\d+)(\[.*?\])?(?::([\d.]+)%)?$/.exec(word)
  if (free) {
    const get = { quantity: Number(free[3]), percent: free[5] ?? '100', ...filterOf(free[4]) }
    return { kind: 'buy_get', buy: { quantity: Number(free[1]), ...filterOf(free[2]) }, get, ...limit }
  }
  const fixed = /^=(\d+)(\[.*\])?$/.exec(word)
  if (fixed) return { kind: 'fixed_price', prices: amounts(fixed[1]), ...filterOf(fixed[2]), ...pieces }
  const [, number = '', unit, place, filter] = matched(word, /^([\d.]+)(off|%)(?:@(lines|units|ship))?(\[.*\])?$/)
  const on = place === undefined ? {} : { on: place === 'ship' ? ('shipping' as const) : (place as 'lines' | 'units') }
  if (unit === 'off') return { kind: 'amount_off', amounts: amounts(number), ...on, ...filterOf(filter), ...pieces }
  assert.notEqual(place, 'units', 'a percentage is of lines')
  return { kind: 'percent_off', percent: number, ...(on as { on?: 'lines' | 'shipping' }), ...filterOf(filter) }
}

function filterOf(text: string | undefined): { of?: { skus: string[] } } {
  return text === undefined ? {} : { of: { skus: text.slice(1, -1).split(',') } }
}

function shippingOf(text: string, currency: string): [ShippingRate | null, boolean] {
  if (text === '-') return [null, false]
  const [, price = '', free, taxed] = matched(text, /^(\d+)(?:\^(\d+))?(\+tax)?$/)
  return [{ currency, amount: amount(price), ...(free === undefined ? {} : { freeFrom: amount(free) }) }, taxed !== undefined]
}

function taxOf(word: string): TaxRate {
  const [, category = 'standard', percent = '', kind] = matched(word, /^(?:([a-z]+):)?([\d.]+)%(in|add)$/)
  return { name: 'Tax', category, percent, included: kind === 'in' }
}

function matched(word: string, pattern: RegExp): (string | undefined)[] {
  const match = pattern.exec(word)
  assert.ok(match, `"${word}" does not read as ${pattern}`)
  return [...match]
}
