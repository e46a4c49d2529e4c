// Statuses: every preset's table, move by move, for everybody who may ask; and what follows of a change by itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Order, OrderLine } from './order.ts'
import type { Statuses, StatusRole } from './order-statuses.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { type PresetName, type Settings, settingsOf } from './settings.ts'
import { followUp, inState, statusesRefusal, statusMove, statusMoves } from './status.ts'

const NOTHING = { hasShipment: false, hasMessage: false }
const PRESETS: readonly PresetName[] = ['default', 'store', 'fill', 'reconcile', 'service', 'classic']

/** A line of three pieces, of which so many were handed over. */
function line(fulfilledQuantity = 0, more: Partial<OrderLine> = {}): OrderLine {
  return { id: 'ln_1', quantity: 3, cancelledQuantity: 0, fulfilledQuantity, requiresShipping: true, ...more } as OrderLine
}

function order(changes: Partial<Order> = {}): Order {
  const placed = { state: 'PLACED', status: 'placed', paymentState: 'PAID', fulfilmentState: 'UNFULFILLED', lines: [line()] }
  return { ...placed, ...changes } as Order
}

const ordersOf = (preset: PresetName, changes: Partial<Settings['orders']> = {}): Settings['orders'] => ({
  ...settingsOf(preset, {}).orders,
  ...changes,
})

/** What a move comes to: the status, or the code, with what is missing or why. */
function outcome(moved: ReturnType<typeof statusMove>): string {
  if (!isRefusal(moved)) return moved.id
  const missing = (moved.missing as readonly string[] | undefined) ?? []
  return [moved.refused, ...(moved.reason ? [moved.reason] : []), ...missing].join(' ')
}

describe("the table of the preset 'service'", () => {
  const orders = ordersOf('service')
  const states: Readonly<Record<string, Order['state']>> = { completed: 'COMPLETED', declined: 'CANCELLED' }
  const allowed: readonly (readonly [from: string, to: string, roles: readonly StatusRole[]])[] = [
    ['created', 'confirmed', ['staff', 'system']],
    ['created', 'declined', ['customer', 'staff', 'system']],
    ['confirmed', 'shipped', ['staff', 'system']],
    ['confirmed', 'completed', ['staff', 'system']],
    ['confirmed', 'declined', ['staff', 'system']],
    ['shipped', 'completed', ['staff', 'system']],
  ]
  it('SEED3-63 SEED3-64 SEED3-65 allows these moves to these people and no others', () => {
    const ids = orders.statuses.list.map(({ id }) => id)
    const found: string[] = []
    for (const from of ids)
      for (const to of ids)
        for (const role of ['customer', 'staff', 'system'] as const) {
          const standing = order({ status: from, state: states[from] ?? 'PLACED' })
          const moved = statusMove(orders, standing, to, role, { hasShipment: true, hasMessage: true })
          if (!isRefusal(moved)) found.push(`${from} ${to} ${role}`)
        }
    assert.deepEqual(found.sort(), allowed.flatMap(([from, to, roles]) => roles.map((role) => `${from} ${to} ${role}`)).sort())
  })

  it('SEED3-66 asks for the shipment before an order is shipped', () => {
    const confirmed = order({ status: 'confirmed' })
    assert.equal(outcome(statusMove(orders, confirmed, 'shipped', 'staff', NOTHING)), 'status_move_forbidden shipment')
    assert.equal(outcome(statusMove(orders, confirmed, 'shipped', 'staff', { ...NOTHING, hasShipment: true })), 'shipped')
  })

  it('a refused move says from where to where, what is missing, and what is allowed', () => {
    const refused = statusMove(orders, order({ status: 'shipped' }), 'confirmed', 'staff', NOTHING) as Refusal
    assert.deepEqual(refused, {
      refused: 'status_move_forbidden',
      from: 'shipped',
      to: 'confirmed',
      allowed: ['completed'],
      missing: [],
      path: '/status',
    })
  })

  it('a customer is shown the one move that is theirs, and none once the order is confirmed', () => {
    const moves = (status: string) => statusMoves(orders, order({ status }), 'customer', false).map((each) => each.status)
    assert.deepEqual([moves('created'), moves('confirmed'), moves('shipped')], [['declined'], [], []])
  })
})

describe('statuses of presets', () => {
  for (const preset of PRESETS)
    it(`those of ${preset} can be a shop's, and an order gets its own for being placed and cancelled`, () => {
      const { statuses } = ordersOf(preset)
      assert.equal(statusesRefusal(statuses, ''), null)
      assert.deepEqual(inState('PLACED', statuses), { state: 'PLACED', status: statuses.initial })
      assert.deepEqual(inState('CANCELLED', statuses), { state: 'CANCELLED', status: statuses.on.cancelled })
      assert.deepEqual(inState('EXPIRED', statuses), { state: 'EXPIRED', status: 'expired' })
    })

  it('SEED4-60 any to any: staff moves an order of classic between all statuses, a customer only cancels it', () => {
    const orders = ordersOf('classic')
    const moves = (status: string, role: StatusRole) => statusMoves(orders, order({ status }), role, false).map((each) => each.status)
    assert.deepEqual(moves('shipped', 'staff'), ['new', 'processing', 'cancelled'])
    assert.deepEqual(moves('new', 'customer'), ['cancelled'])
    assert.deepEqual(moves('shipped', 'customer'), [])
  })

  const names: readonly (readonly [PresetName, string])[] = [
    ['default', 'placed processing completed cancelled'],
    ['store', 'paid delivered completed canceled'],
    ['fill', 'paid done canceled'],
    ['reconcile', 'new processing completed canceled'],
    ['service', 'created confirmed declined shipped completed'],
    ['classic', 'new processing shipped cancelled'],
  ]
  for (const [preset, expected] of names)
    it(`SEED0-47 SEED1-33 SEED2-68 ${preset} calls them ${expected}`, () =>
      assert.equal(
        ordersOf(preset)
          .statuses.list.map(({ id }) => id)
          .join(' '),
        expected,
      ))
})

describe('who may cancel', () => {
  const cases: readonly (readonly [what: string, changes: Partial<Order>, role: StatusRole, outcome: string])[] = [
    ['a placed order, its customer', {}, 'customer', 'cancelled'],
    ['an unpaid order, its customer', { state: 'NEW', status: 'new' }, 'customer', 'cancelled'],
    ['a confirmed order, its customer', { status: 'processing' }, 'customer', 'order_state_forbids order_is_confirmed'],
    [
      'an order of which a piece was handed over, its customer',
      { lines: [line(1)] },
      'customer',
      'order_state_forbids pieces_were_handed_over',
    ],
    ['an order of which a piece was handed over, staff', { lines: [line(1)] }, 'staff', 'cancelled'],
    ['a confirmed order, staff', { status: 'processing' }, 'staff', 'cancelled'],
    ['a completed order, staff', { state: 'COMPLETED', status: 'completed' }, 'staff', 'order_state_forbids order_is_over'],
    ['an expired order, staff', { state: 'EXPIRED', status: 'expired' }, 'staff', 'order_state_forbids order_is_over'],
  ]
  for (const [what, changes, role, expected] of cases)
    it(`${what}: ${expected}`, () =>
      assert.equal(outcome(statusMove(ordersOf('default'), order(changes), 'cancelled', role, NOTHING)), expected))

  it('where customers never may, not even what awaits payment', () => {
    const orders = ordersOf('default', { customerCancel: 'never' })
    for (const changes of [{}, { state: 'NEW', status: 'new' }] as const)
      assert.equal(
        outcome(statusMove(orders, order(changes), 'cancelled', 'customer', NOTHING)),
        'order_state_forbids customers_may_not_cancel',
      )
  })
})

describe('what statuses cannot do', () => {
  const orders = ordersOf('default')
  it('a cancelled order stays cancelled, a completed one stays completed whatever it is called', () => {
    const cancelled = order({ state: 'CANCELLED', status: 'cancelled' })
    assert.deepEqual(statusMoves(orders, cancelled, 'staff', true), [])
    const completed = order({ state: 'COMPLETED', status: 'completed' })
    assert.deepEqual(
      statusMoves(orders, completed, 'staff', true).map((each) => each.status),
      ['placed', 'processing'],
    )
  })

  it('a status that there is not is refused with those that there are', () => {
    const refused = statusMove(orders, order(), 'sent', 'staff', NOTHING) as Refusal
    assert.deepEqual(
      [refused.refused, refused.path, refused.known],
      ['invalid', '/status', ['placed', 'processing', 'completed', 'cancelled']],
    )
  })

  it('out of a status that the shop has given up, staff moves anywhere, and a customer cancels at most', () => {
    const service = ordersOf('service')
    const old = order({ status: 'on-hold' })
    assert.equal(statusMoves(service, old, 'staff', false).length, 5)
    assert.deepEqual(
      statusMoves(service, old, 'customer', false).map((each) => each.status),
      ['declined'],
    )
  })

  it('a move may ask for payment and for a message', () => {
    const transitions = [{ from: 'placed', to: 'processing', roles: ['staff'], requires: ['payment', 'message'] }] as const
    const asking = ordersOf('default', { statuses: { ...orders.statuses, transitions } })
    const unpaid = order({ paymentState: 'AUTHORIZED' })
    assert.equal(outcome(statusMove(asking, unpaid, 'processing', 'staff', NOTHING)), 'status_move_forbidden payment message')
    assert.equal(outcome(statusMove(asking, order(), 'processing', 'staff', { ...NOTHING, hasMessage: true })), 'processing')
  })

  const wrong: readonly (readonly [string, Partial<Statuses>])[] = [
    ['/list', { list: [...orders.statuses.list, { id: 'placed', name: 'Twice' }] }],
    ['/initial', { initial: 'nowhere' }],
    ['/initial', { initial: 'completed' }],
    ['/on/cancelled', { on: { cancelled: 'placed' } }],
    ['/on/completed', { on: { cancelled: 'cancelled', completed: 'placed' } }],
    ['/on/fulfilled', { on: { cancelled: 'cancelled', fulfilled: 'cancelled' } }],
    ['/transitions/0/from', { transitions: [{ from: 'nowhere', to: 'placed', roles: ['staff'] }] }],
    ['/transitions/0/to', { transitions: [{ from: 'placed', to: 'nowhere', roles: ['staff'] }] }],
  ]
  for (const [index, [path, changes]] of wrong.entries())
    it(`statuses that contradict themselves (${index + 1}) are refused at ${path}`, () =>
      assert.equal(statusesRefusal({ ...orders.statuses, ...changes }, '/s')?.path, `/s${path}`))
})

describe('what follows by itself', () => {
  const done = { fulfilmentState: 'FULFILLED', lines: [line(3)] } as const
  const cases: readonly (readonly [what: string, Settings['orders'], before: Partial<Order>, after: Partial<Order>, unknown])[] = [
    ['what is paid and handed over is complete', ordersOf('default'), {}, done, { kind: 'complete', status: 'completed', completes: true }],
    ['what is handed over but not paid is not', ordersOf('default'), {}, { ...done, paymentState: 'AUTHORIZED' }, null],
    [
      'what is handed over is complete once it is paid',
      ordersOf('default'),
      { ...done, paymentState: 'AUTHORIZED' },
      done,
      { kind: 'complete', status: 'completed', completes: true },
    ],
    [
      'what was refunded for cancelled pieces is paid all the same',
      ordersOf('default'),
      {},
      { fulfilmentState: 'FULFILLED', lines: [line(2, { cancelledQuantity: 1 })], paymentState: 'PARTIALLY_REFUNDED' },
      { kind: 'complete', status: 'completed', completes: true },
    ],
    ['nothing is complete of which nothing was handed over', ordersOf('default'), {}, { fulfilmentState: 'FULFILLED', lines: [] }, null],
    ['nothing is complete where somebody has to say so', ordersOf('default', { complete: 'manually' }), {}, done, null],
    ['handing over has a status of its own', ordersOf('store'), {}, done, { kind: 'status', status: 'delivered', completes: false }],
    ['that status comes once', ordersOf('store'), done, { ...done, status: 'paid' }, null],
    ['what is cancelled is left alone', ordersOf('default'), {}, { ...done, state: 'CANCELLED' }, null],
    [
      'what is not shipped is handed over when it is paid',
      ordersOf('fill'),
      { state: 'NEW', paymentState: 'PENDING' },
      { lines: [line(0, { requiresShipping: false }), line()] },
      { kind: 'hand_over', lines: [{ lineId: 'ln_1', quantity: 3 }] },
    ],
    ['and not again when it was taken back', ordersOf('fill'), {}, { lines: [line(0, { requiresShipping: false })] }, null],
  ]
  for (const [what, orders, before, after, expected] of cases)
    it(what, () => assert.deepEqual(followUp(order(before), order(after), orders, false), expected))

  it('a table that does not allow it to the system keeps an order from being complete by itself', () => {
    const orders = ordersOf('service')
    const step = (status: string) => followUp(order({ status }), order({ ...done, status }), orders, true)
    assert.equal(step('created'), null)
    assert.deepEqual(step('confirmed'), { kind: 'status', status: 'shipped', completes: false })
    assert.deepEqual(followUp(order({ ...done, status: 'confirmed' }), order({ ...done, status: 'shipped' }), orders, true), {
      kind: 'complete',
      status: 'completed',
      completes: true,
    })
  })
})
