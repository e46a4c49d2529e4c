// What a promotion may not be: each fault is found at its place, and what is right passes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NOW, promotionOf } from '../../test/facts.ts'
import type { Benefit, Condition, Promotion } from './promotion.ts'
import { loadOf, loadRefusal, loadWith, NO_LOAD, promotionRefusal } from './promotion-refusal.ts'

const usd = (amount: number) => ({ currency: 'USD', amount })
const ten: Benefit = { kind: 'percent_off', percent: '10' }
const verdict = (promotion: Promotion) => {
  const refusal = promotionRefusal(promotion)
  return refusal && `${refusal.path} ${refusal.reason ?? refusal.refused}`
}

describe('a promotion that contradicts itself is refused where it does', () => {
  const fields: readonly [changes: Partial<Promotion>, expected: string | null][] = [
    [{}, null],
    [{ startsAt: NOW, endsAt: NOW + 1 }, null],
    [{ startsAt: NOW, endsAt: NOW }, '/endsAt not_after_start'],
    [{ cap: [usd(1), usd(2)] }, '/cap/1/currency currency_twice'],
    [{ budget: [{ currency: 'XXQ', amount: 1 }] }, '/budget/0/currency currency_unknown'],
    [{ perCustomer: { uses: 1, within: 'P1D' } }, null],
    [{ perCustomer: { uses: 1, within: 'a day' } }, '/perCustomer/within not_a_duration'],
    [{ perCustomer: { uses: 1, within: 'never' } }, '/perCustomer/within not_a_duration'],
    [{ benefit: { kind: 'gift', sku: 'A', quantity: 1 }, cap: [usd(1)] }, '/cap a_gift_has_no_cap'],
    [{ conditions: Array.from({ length: 201 }, () => ({ kind: 'code' as const })) }, '/conditions too_many_conditions'],
  ]
  for (const [changes, expected] of fields)
    it(`${JSON.stringify(changes).slice(0, 80)}: ${expected ?? 'is right'}`, () =>
      assert.equal(verdict(promotionOf('p', ten, changes)), expected))

  const berlin = (rest: object): Condition => ({ kind: 'hours', timeZone: 'Europe/Berlin', ...rest })
  const conditions: readonly [condition: Condition, expected: string | null][] = [
    [{ kind: 'item_total' }, ' says_nothing'],
    [{ kind: 'item_total', atLeast: [usd(2)], atMost: [usd(1)] }, '/atMost/0/amount below_at_least'],
    [{ kind: 'item_total', atLeast: [usd(1)], atMost: [usd(1)] }, null],
    [{ kind: 'item_total', atLeast: [usd(1), usd(1)] }, '/atLeast/1/currency currency_twice'],
    [{ kind: 'quantity' }, ' says_nothing'],
    [{ kind: 'quantity', atLeast: 3, atMost: 2 }, '/atMost below_at_least'],
    [{ kind: 'account', is: 'guest', ids: ['a'] }, '/ids only_of_accounts'],
    [{ kind: 'currency', currencies: ['USD', 'ZZZ'] }, '/currencies/1 currency_unknown'],
    [{ kind: 'currency', currencies: ['USD', 'USD'] }, '/currencies/1 currency_twice'],
    [{ kind: 'dates' }, ' says_nothing'],
    [{ kind: 'dates', from: NOW, until: NOW }, '/until not_after_start'],
    [berlin({ from: '22:00', until: '02:00' }), null],
    [berlin({ weekdays: [1] }), null],
    [berlin({}), ' says_nothing'],
    [berlin({ from: '22:10' }), '/from not_a_quarter_hour'],
    [berlin({ from: '24:00' }), '/from not_a_quarter_hour'],
    [berlin({ until: '25:00' }), '/until not_a_quarter_hour'],
    [berlin({ from: '12:00', until: '12:00' }), '/until equal_to_from'],
    [{ kind: 'hours', timeZone: 'Europe/Atlantis', weekdays: [1] }, '/timeZone unknown_time_zone'],
    [{ kind: 'without', promotions: ['q'] }, null],
    [{ kind: 'without', promotions: ['q', 'p'] }, '/promotions/1 names_itself'],
    [
      { kind: 'any', conditions: [{ kind: 'code' }, { kind: 'none', conditions: [{ kind: 'quantity' }] }] },
      '/conditions/1/conditions/0 says_nothing',
    ],
  ]
  for (const [condition, expected] of conditions) {
    it(`${JSON.stringify(condition)}: ${expected?.trim() ?? 'is right'}`, () =>
      assert.equal(verdict(promotionOf('p', ten, { conditions: [condition] })), expected && `/conditions/0${expected}`))
  }

  const benefits: readonly [benefit: Benefit, expected: string | null][] = [
    [{ kind: 'percent_off', percent: '100' }, null],
    [{ kind: 'percent_off', percent: '100.000001' }, '/percent above_100'],
    [{ kind: 'percent_off', percent: '10', on: 'shipping', of: { skus: ['A'] } }, '/of shipping_has_no_lines'],
    [{ kind: 'amount_off', amounts: [usd(1)], maxUnits: 2 }, '/maxUnits only_on_units'],
    [{ kind: 'amount_off', amounts: [usd(1)], maxUnits: 2, on: 'units' }, null],
    [{ kind: 'fixed_price', prices: [usd(1), usd(2)] }, '/prices/1/currency currency_twice'],
    [{ kind: 'bundle_price', items: [{ quantity: 1 }], prices: [{ currency: 'QQQ', amount: 1 }] }, '/prices/0/currency currency_unknown'],
    [{ kind: 'buy_get', buy: { quantity: 1 }, get: { quantity: 1, percent: '101' } }, '/get/percent above_100'],
    [{ kind: 'tiered_percent', by: 'quantity', tiers: [2, 5].map((from) => ({ from, percent: '5' })) }, null],
    [{ kind: 'tiered_percent', by: 'quantity', tiers: [5, 5].map((from) => ({ from, percent: '5' })) }, '/tiers/1/from not_ascending'],
    [{ kind: 'tiered_percent', by: 'quantity', tiers: [{ from: [usd(1)], percent: '5' }] }, '/tiers/0/from quantity_expected'],
    [{ kind: 'tiered_percent', by: 'item_total', tiers: [{ from: 1, percent: '5' }] }, '/tiers/0/from amounts_expected'],
    [
      { kind: 'tiered_percent', by: 'item_total', tiers: [5, 4].map((from) => ({ from: [usd(from)], percent: '5' })) },
      '/tiers/1/from/0/amount not_ascending',
    ],
    [{ kind: 'tiered_percent', by: 'quantity', tiers: [{ from: 1, percent: '500' }] }, '/tiers/0/percent above_100'],
  ]
  for (const [benefit, expected] of benefits) {
    it(`${JSON.stringify(benefit)}: ${expected ?? 'is right'}`, () =>
      assert.equal(verdict(promotionOf('p', benefit)), expected && `/benefit${expected}`))
  }
})

describe('how many promotions there may be', () => {
  const reason = (was: object, next: object) => loadRefusal({ ...NO_LOAD, ...was }, { ...NO_LOAD, ...next })?.reason ?? null

  it('only what is active and needs no code is a load on every price', () => {
    const conditions: Condition[] = [{ kind: 'any', conditions: [{ kind: 'first_order' }, { kind: 'first_order' }] }]
    const bundle: Benefit = { kind: 'bundle_price', items: [{ quantity: 1 }, { quantity: 2 }], prices: [usd(1)] }
    assert.deepEqual(loadOf(promotionOf('p', ten, { conditions })), { count: 1, automatic: 1, judged: 3 })
    assert.deepEqual(loadOf(promotionOf('p', bundle)), { count: 1, automatic: 1, judged: 2 })
    const idle = { count: 1, automatic: 0, judged: 0 }
    assert.deepEqual(loadOf(promotionOf('p', bundle, { active: false })), idle)
    assert.deepEqual(loadOf(promotionOf('p', bundle, { conditions: [...conditions, { kind: 'code' }] })), idle)
  })

  it('each bound holds to the last one, and a shop that is beyond it may have fewer', () => {
    assert.deepEqual(
      [reason({ count: 9999 }, { count: 10_000 }), reason({ count: 10_000 }, { count: 10_001 })],
      [null, 'too_many_promotions'],
    )
    assert.equal(reason({ automatic: 999 }, { automatic: 1000 }), null)
    assert.equal(reason({ automatic: 1000 }, { automatic: 1001 }), 'too_many_active_without_code')
    assert.deepEqual(
      [reason({ judged: 0 }, { judged: 5000 }), reason({ judged: 0 }, { judged: 5001 })],
      [null, 'too_many_conditions_without_code'],
    )
    assert.deepEqual([reason({ automatic: 1200 }, { automatic: 1199 }), reason({ judged: 6000 }, { judged: 6000 })], [null, null])
  })

  it('one in place of another counts once', () => {
    const [before, after] = [loadOf(promotionOf('p', ten)), loadOf(promotionOf('p', ten, { active: false }))]
    assert.deepEqual(loadWith({ count: 7, automatic: 5, judged: 3 }, { before, after }), { count: 7, automatic: 4, judged: 3 })
  })
})
