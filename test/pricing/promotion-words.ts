// Words for promotions in tables. SKU-0 is the sku of the first line, `[SKU-0,SKU-1]` limits to some:
//   `119off` · `10%` · of each line `10%@lines` · of each piece `50off@units` · off shipping `50%@ship` · `freeship`
//   buy two get one `b2g1` · half price `b2g1:50%` · of two sets `b2[SKU-0]g1[SKU-1]` · each piece `=1500` · three together `3for2000`
//   a set `2[SKU-0]+1[SKU-1]for2500` · by pieces `tier:2=5%,5=10%` · by total `total:5000=5%` · `gift:SKU-1` · `gift:SKU-1x2`
//   marks follow after `;`: `cap=500` `max=2` `lane=1` `prio=5` `group=a` `exclusive` `stops` `base=running` `from=5000` (item total)
import assert from 'node:assert/strict'
import type { Benefit, Promotion } from '../../src/core/promotion.ts'
import { promotionOf } from '../facts.ts'
import { amount, matched } from './words.ts'

/** `10%@lines[SKU-0];cap=500;lane=1`: a benefit and marks. */
export function promotionIn(word: string, id: string, currency: string): Promotion {
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
