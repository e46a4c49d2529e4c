// Periods of subscriptions: their calendar, their states, and what is due.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Plan, Variant } from './product.ts'
import {
  dueAtOf,
  dueStep,
  ended,
  exclusiveGroup,
  intervalOf,
  momentAfter,
  newsOf,
  nextPeriod,
  type Subscription,
  servedSubscription,
  unpaid,
} from './subscription.ts'
import { rfc3339 } from './time.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 0, 31, 10, 30)
const PLAN: Plan = { id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 900 } }
const VARIANT = { sku: 'CLUB', productId: 'prd_1', name: 'Club', variantName: '' } as Variant

function subscriptionOf(changes: Partial<Subscription> = {}): Subscription {
  return {
    ...{
      id: 'sub_1',
      shopId: 'shop',
      state: 'PENDING',
      accountId: 'robin',
      variant: VARIANT,
      plan: PLAN,
      quantity: 1,
      total: 900,
      currency: 'USD',
    },
    ...{ email: null, billingAddress: null, vatId: null, customerGroups: [], language: null, provider: 'sandbox', method: null },
    ...{
      billedBy: 'shop',
      providerRef: null,
      paidBy: null,
      untold: null,
      firstOrderId: 'ord_1',
      latestOrderId: 'ord_1',
      renewalOrderId: null,
    },
    ...{
      periods: 0,
      anchor: null,
      periodStart: null,
      periodEnd: null,
      attempts: 0,
      cancelAtPeriodEnd: false,
      endReason: null,
      endedAt: null,
    },
    ...{ version: 1, createdAt: NOW, updatedAt: NOW },
    ...changes,
  }
}

describe('the calendar of a plan', () => {
  const after = (from: string, interval: string, times: number) =>
    rfc3339(momentAfter(Date.parse(from), intervalOf(interval) ?? assert.fail(), times)).slice(0, 16)

  it('months have their own lengths, and the day of the beginning comes back', () => {
    const months = [1, 2, 3, 13, 25].map((times) => after('2026-01-31T10:30:00Z', 'P1M', times))
    assert.deepEqual(months, ['2026-02-28T10:30', '2026-03-31T10:30', '2026-04-30T10:30', '2027-02-28T10:30', '2028-02-29T10:30'])
    assert.deepEqual(
      [after('2028-02-29T00:00:00Z', 'P1Y', 1), after('2028-02-29T00:00:00Z', 'P1Y', 4)],
      ['2029-02-28T00:00', '2032-02-29T00:00'],
    )
    assert.deepEqual(
      [after('2026-03-28T23:00:00Z', 'P2W', 1), after('2026-12-31T23:59:00Z', 'P1D', 1)],
      ['2026-04-11T23:00', '2027-01-01T23:59'],
    )
    assert.equal(after('2026-11-30T08:00:00Z', 'P3M', 1), '2027-02-28T08:00')
  })

  it('for any beginning, periods follow each other without a gap, keep the time of day, and differ by a month at most three days', () => {
    const anchors = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2090, 0, 1) })
    fc.assert(
      fc.property(anchors, fc.integer({ min: 1, max: 36 }), fc.integer({ min: 0, max: 200 }), (anchor, count, times) => {
        const months = { unit: 'month', count } as const
        const [from, to] = [momentAfter(anchor, months, times), momentAfter(anchor, months, times + 1)]
        const [begin, then] = [new Date(anchor), new Date(to)]
        const passed = (then.getUTCFullYear() - begin.getUTCFullYear()) * 12 + then.getUTCMonth() - begin.getUTCMonth()
        assert.equal(passed, count * (times + 1), 'it is as many calendar months')
        assert.equal(((to % DAY) + DAY) % DAY, ((anchor % DAY) + DAY) % DAY)
        const lastDay = new Date(Date.UTC(then.getUTCFullYear(), then.getUTCMonth() + 1, 0)).getUTCDate()
        assert.equal(then.getUTCDate(), Math.min(begin.getUTCDate(), lastDay))
        assert.ok(to - from >= count * 28 * DAY && to - from <= count * 31 * DAY)
      }),
    )
  })

  it('only durations of one unit from a day to ten years are intervals', () => {
    assert.deepEqual(intervalOf('P14D'), { unit: 'day', count: 14 })
    assert.deepEqual(intervalOf('P10Y'), { unit: 'year', count: 10 })
    for (const bad of ['', 'P0M', 'P1M2D', 'PT1H', 'P11Y', 'P1000D', 'p1m', 'P-1M', 'P1M ']) assert.equal(intervalOf(bad), null, bad)
  })
})

describe('periods and states', () => {
  it('the first period begins when the money is there, the others where the one before ended, however late they were paid', () => {
    const first = nextPeriod(subscriptionOf(), 'ord_1', NOW)
    assert.deepEqual(
      [first.state, first.periods, first.anchor, first.periodStart, first.periodEnd],
      ['ACTIVE', 1, NOW, NOW, Date.UTC(2026, 1, 28, 10, 30)],
    )
    const late = nextPeriod({ ...first, state: 'PAST_DUE', attempts: 2 }, 'ord_2', Date.UTC(2026, 2, 5))
    assert.deepEqual([late.state, late.attempts, late.latestOrderId], ['ACTIVE', 0, 'ord_2'])
    assert.deepEqual([late.periodStart, late.periodEnd], [Date.UTC(2026, 1, 28, 10, 30), Date.UTC(2026, 2, 31, 10, 30)])
  })

  it('money that comes begins a period once; an order that ends without money is told, one that was paid is not', () => {
    const placed = { state: 'PLACED', paymentState: 'PAID' } as const
    const waiting = { state: 'NEW', paymentState: 'PENDING' } as const
    assert.equal(newsOf(waiting, placed, 'shop'), 'covered')
    assert.equal(newsOf(placed, { ...placed, state: 'COMPLETED' }, 'shop'), null)
    assert.equal(newsOf(waiting, { ...placed, paymentState: 'PENDING' }, 'shop'), null, 'by hand: placed is not paid')
    assert.equal(newsOf(waiting, { ...waiting, state: 'EXPIRED' }, 'shop'), 'ended')
    assert.equal(newsOf({ ...waiting, state: 'EXPIRED' }, placed, 'shop'), 'covered', 'late money')
    assert.equal(newsOf(placed, { state: 'CANCELLED', paymentState: 'PAID' }, 'shop'), null, 'giving an order back ends nothing')
    assert.equal(newsOf(placed, { state: 'PLACED', paymentState: 'REFUNDED' }, 'shop'), null)
    const part = { state: 'PLACED', paymentState: 'PARTIALLY_PAID' } as const
    assert.deepEqual([newsOf(waiting, part, 'shop'), newsOf(waiting, part, 'provider')], [null, 'covered'])
  })

  it('an unpaid renewal is tried as often as the shop says; by hand, a grace comes first', () => {
    const running = nextPeriod(subscriptionOf(), 'ord_1', NOW)
    const tries = (grace: number | null) => {
      const told: [string, number][] = []
      for (let next: Subscription | null = running; next !== null; ) {
        const step: ReturnType<typeof unpaid> = unpaid(next, { retryAfter: [DAY, 3 * DAY], grace }, NOW)
        if (step) told.push([step.next.state, (step.dueAt - NOW) / DAY])
        next = step?.next ?? null
      }
      return told
    }
    assert.deepEqual(tries(null), [
      ['PAST_DUE', 1],
      ['PAST_DUE', 3],
    ])
    assert.deepEqual(tries(7 * DAY), [
      ['ACTIVE', 7],
      ['PAST_DUE', 1],
      ['PAST_DUE', 3],
    ])
  })

  it('what is due: nothing before the period ends, then a renewal, or the end', () => {
    const running = nextPeriod(subscriptionOf(), 'ord_1', NOW)
    const end = running.periodEnd ?? 0
    assert.deepEqual([dueAtOf(running, NOW), dueStep(running, end - 1), dueStep(running, end)], [end, 'nothing', 'renew'])
    assert.equal(dueStep({ ...running, cancelAtPeriodEnd: true }, end), 'cancel')
    assert.equal(dueStep({ ...running, plan: { ...PLAN, maxPeriods: 1 } }, end), 'expire')
    assert.equal(dueStep({ ...running, plan: { ...PLAN, maxPeriods: 2 } }, end), 'renew')
    const billed = { ...running, billedBy: 'provider' } as const
    assert.deepEqual([dueStep(billed, end), dueAtOf(billed, NOW)], ['ask', end + DAY], 'its provider has a day to tell')
    assert.deepEqual([dueStep({ ...billed, untold: 'periodEnd' }, NOW), dueAtOf({ ...billed, untold: 'periodEnd' }, NOW)], ['tell', NOW])
    assert.deepEqual([dueStep(subscriptionOf(), end), dueAtOf(subscriptionOf(), NOW)], ['nothing', null])
  })

  it('one that is over is not renewed, and says why it ended', () => {
    const running = nextPeriod(subscriptionOf(), 'ord_1', NOW)
    assert.equal(servedSubscription(running).nextRenewalAt, '2026-02-28T10:30:00.000Z')
    assert.equal(servedSubscription({ ...running, cancelAtPeriodEnd: true }).nextRenewalAt, null)
    for (const [reason, state] of [
      ['cancelled', 'CANCELLED'],
      ['not_paid', 'CANCELLED'],
      ['periods_over', 'EXPIRED'],
      ['never_paid', 'EXPIRED'],
    ] as const) {
      const over = ended(running, reason, NOW)
      assert.deepEqual(
        [over.state, over.endReason, dueAtOf(over, NOW), servedSubscription(over).nextRenewalAt],
        [state, reason, null, null],
      )
    }
  })

  it('a plan is exclusive by itself within its product, or by a group', () => {
    assert.equal(exclusiveGroup(PLAN, VARIANT), null)
    assert.equal(exclusiveGroup({ ...PLAN, exclusive: false }, VARIANT), null)
    assert.equal(exclusiveGroup({ ...PLAN, exclusive: true }, VARIANT), 'product prd_1')
    assert.equal(exclusiveGroup({ ...PLAN, exclusive: 'club' }, VARIANT), 'group club')
  })
})
