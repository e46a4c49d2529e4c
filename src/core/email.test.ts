// Which e-mails a change of an order means, and what may stand where an address or a subject is written.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EMAIL_KINDS, emailsFor, headerText, isPlainAddress, type MailedOrder } from './email.ts'

const ALL = { kinds: EMAIL_KINDS, statuses: ['packed', 'placed', 'cancelled', 'shipped'] }
const NEW: MailedOrder = { state: 'NEW', status: 'new', paymentState: 'PENDING', orderedAt: null, lines: [{ fulfilledQuantity: 0 }] }
const PLACED: MailedOrder = { ...NEW, state: 'PLACED', status: 'placed', paymentState: 'PAID', orderedAt: '2026-01-01T00:00:00.000Z' }

describe('which e-mails a change means', () => {
  it('an order that is placed is confirmed, and that is all that is said of it', () => {
    assert.deepEqual(emailsFor(NEW, PLACED, 'place', ALL), ['order_confirmation'])
    assert.deepEqual(emailsFor(NEW, PLACED, 'place', { ...ALL, kinds: ['order_status'] }), ['order_status'])
    assert.deepEqual(emailsFor(NEW, PLACED, 'place', { kinds: [], statuses: [] }), [])
  })

  it('PAY-4: an order that was never placed means none, whatever becomes of it', () => {
    for (const state of ['NEW', 'EXPIRED', 'CANCELLED', 'SUPERSEDED'])
      for (const action of ['order', 'expire', 'cancel', 'supersede', 'payment_fail', 'pay', 'status'])
        assert.deepEqual(emailsFor(NEW, { ...NEW, state, status: 'packed' }, action, ALL), [], `${state} ${action}`)
  })

  it('money that comes after the order was placed is told, money that was reserved when ordering is not', () => {
    const unpaid: MailedOrder = { ...PLACED, paymentState: 'PENDING' }
    assert.deepEqual(emailsFor(unpaid, PLACED, 'pay', ALL), ['payment_received'])
    assert.deepEqual(emailsFor(unpaid, { ...PLACED, paymentState: 'PARTIALLY_PAID' }, 'pay', ALL), ['payment_received'])
    assert.deepEqual(emailsFor({ ...PLACED, paymentState: 'AUTHORIZED' }, PLACED, 'pay', ALL), [])
    assert.deepEqual(emailsFor(unpaid, { ...PLACED, paymentState: 'AUTHORIZED' }, 'pay', ALL), [])
  })

  it('a new status is told where the shop names it, once, and not where a kind of its own tells the same', () => {
    assert.deepEqual(emailsFor(PLACED, { ...PLACED, status: 'packed' }, 'status', ALL), ['order_status'])
    assert.deepEqual(emailsFor(PLACED, { ...PLACED, status: 'secret' }, 'status', ALL), [])
    assert.deepEqual(emailsFor(PLACED, PLACED, 'status', ALL), [])
    const cancelled: MailedOrder = { ...PLACED, state: 'CANCELLED', status: 'cancelled' }
    assert.deepEqual(emailsFor(PLACED, cancelled, 'cancel', ALL), ['order_cancelled'])
    assert.deepEqual(emailsFor(PLACED, cancelled, 'cancel', { ...ALL, kinds: ['order_status'] }), ['order_status'])
  })

  it('a fulfilment is told when pieces were handed over, not when it is only corrected', () => {
    const some: MailedOrder = { ...PLACED, lines: [{ fulfilledQuantity: 2 }] }
    assert.deepEqual(emailsFor(PLACED, some, 'fulfil', ALL), ['order_shipped'])
    assert.deepEqual(emailsFor(PLACED, { ...some, status: 'shipped' }, 'fulfil', ALL), ['order_shipped'])
    assert.deepEqual(emailsFor(some, some, 'fulfil', ALL), [])
  })

  it('money that went back is told, a refund that failed is not', () => {
    assert.deepEqual(emailsFor(PLACED, { ...PLACED, paymentState: 'REFUNDED' }, 'refund', ALL), ['order_refunded'])
    assert.deepEqual(emailsFor({ ...NEW, state: 'EXPIRED' }, { ...NEW, state: 'EXPIRED' }, 'refund', ALL), ['order_refunded'])
    assert.deepEqual(emailsFor(PLACED, PLACED, 'refund_fail', ALL), [])
  })
})

describe('text for headers', () => {
  it('an address is one address, without anything that adds another or ends a header', () => {
    for (const good of ['a@b.example', "o'hara+shop@sub.example.com", 'jörg@bücher.example']) assert.ok(isPlainAddress(good), good)
    const bad = ['', 'a', 'a@', '@b', 'a@b@c', 'a b@c.example', 'a@b.example,c@d.example', 'a@b.example;c@d.example', '"a"@b.example']
    const injected = ['a@b.example\r\nBcc: c@d.example', 'a@b.example\n', 'a@b.example\u0000', '<a@b.example>', 'A <a@b.example>']
    for (const each of [...bad, ...injected, `${'a'.repeat(250)}@b.example`]) assert.ok(!isPlainAddress(each), JSON.stringify(each))
  })

  it('a subject is one line of bounded length', () => {
    assert.equal(headerText(' Your order\r\nBcc: evil@example.com\u2028 42 \u0000', 100), 'Your order Bcc: evil@example.com 42')
    assert.equal(headerText('x'.repeat(300), 250).length, 250)
  })
})
