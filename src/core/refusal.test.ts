// Refusals: each is listed once, is recognised, carries its data, and somebody decided whether trying again may help.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isRefusal, isTransient, priceChanged, REFUSALS, refuse } from './refusal.ts'

it('every code is listed once', () => {
  assert.deepEqual([...new Set(REFUSALS)], [...REFUSALS])
})

it('exactly these may succeed later without anybody changing anything', () => {
  const transient = [
    'cart_frozen',
    'insufficient_stock',
    'shipping_unknown',
    'tax_unknown',
    'provider_unavailable',
    'rate_limited',
    'overloaded',
    'database_unavailable',
    'document_too_new',
  ]
  assert.deepEqual(
    REFUSALS.filter((code) => isTransient(code)),
    transient,
  )
})

it('a refusal is recognised and carries its data', () => {
  const refusal = refuse('too_many_lines', { max: 500 })
  assert.ok(isRefusal(refusal))
  assert.deepEqual(refusal, { refused: 'too_many_lines', max: 500 })
})

it('data cannot change which refusal it is', () => {
  assert.equal(refuse('invalid', { refused: 'overloaded' }).refused, 'invalid')
})

it('other values are no refusals', () => {
  for (const value of [null, undefined, 'refused', 0, {}, [], { code: 'invalid' }]) assert.equal(isRefusal(value), false)
})

it('a changed price says what was expected and what it is', () => {
  const [expected, current] = [
    { amount: 1, currency: 'USD' },
    { amount: 2, currency: 'USD' },
  ]
  assert.deepEqual(priceChanged(expected, current), { refused: 'price_changed', expected, current })
})
