// Settings: a preset is a difference from the defaults, a patch changes what it names and nothing else, and durations have a fixed length.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DEFAULT_SETTINGS, PRESETS, type PresetName, patchSettings, settingsOf } from './settings.ts'
import { durationMs } from './time.ts'

describe('durations', () => {
  const SECOND = 1000
  const HOUR = 3600 * SECOND
  const DAY = 24 * HOUR
  const table: readonly [text: string, ms: number | null][] = [
    ['PT30M', 30 * 60 * SECOND],
    ['PT24H', DAY],
    ['P30D', 30 * DAY],
    ['P2W', 14 * DAY],
    ['P1W2DT3H4M5S', 9 * DAY + 3 * HOUR + 4 * 60 * SECOND + 5 * SECOND],
    ['PT0S', 0],
    ['never', Number.POSITIVE_INFINITY],
    ['P', null],
    ['PT', null],
    ['P1DT', null],
    ['P1M', null],
    ['P1Y', null],
    ['PT1.5H', null],
    ['-P1D', null],
    ['P1H', null],
    ['p1d', null],
    [' P1D', null],
    ['', null],
    ['30', null],
  ]
  for (const [text, ms] of table) it(`"${text}" is ${ms}`, () => assert.equal(durationMs(text), ms))
})

describe('settings', () => {
  it('a patch changes what it names and leaves the rest', () => {
    const patched = patchSettings(DEFAULT_SETTINGS, { lines: { quantityMax: 5 }, cart: {} })
    assert.deepEqual(patched, { ...DEFAULT_SETTINGS, lines: { ...DEFAULT_SETTINGS.lines, quantityMax: 5 } })
  })

  it('lists are replaced, not merged', () => {
    assert.deepEqual(patchSettings(DEFAULT_SETTINGS, { lines: { allowKinds: ['goods'] } }).lines.allowKinds, ['goods'])
  })

  it("a shop's own changes win over its preset", () => {
    assert.equal(settingsOf('store', {}).access.guestCarts, false)
    assert.equal(settingsOf('store', { access: { guestCarts: true } }).access.guestCarts, true)
    assert.equal(settingsOf('store', { access: { guestCarts: true } }).checkout.guest, false)
  })

  it('every preset has durations that can be read', () => {
    for (const preset of Object.keys(PRESETS) as PresetName[]) {
      const { retention, inventory, checkout, orders, pricing, restore, cart, abandoned, history } = settingsOf(preset, {})
      const { anonymous, account, empty, closed } = retention
      const others = [pricing.holdFor, restore.tokenTtl, cart.activeDuration, abandoned.after, history.keep]
      for (const text of [anonymous, account, empty, closed, inventory.holdTtl, checkout.unpaidTtl, orders.tokenTtl, ...others])
        assert.notEqual(durationMs(text), null, `${preset}: ${text}`)
    }
  })

  /** Where existing systems differ, a shop decides: the question of each of these keys is answered differently by at least two of them. */
  const DECIDED = `
    cart.onOrdered cart.onMerged cart.activeDuration cart.types cart.multiple
    retention.anonymous retention.account retention.empty retention.closed retention.touchOnRead abandoned.after
    lines.quantityEditing lines.allowKinds lines.noteOnRepeat lines.onUnavailable
    currency.onMissingPrice currency.source payment.presentmentCurrency payment.maxPayments
    merge.unifyRefKinds merge.quantity merge.overLimit merge.attributes merge.currencyConflict merge.staffSameOwner
    pricing.requireExpected pricing.onIncrease pricing.holdFor inventory.onAdd inventory.reserve
    restore.tokenTtl reconcile.onLogin reconcile.duringCheckout reconcile.keepReplaced
    promotions.maxCodes promotions.caseSensitive promotions.onInvalid promotions.percentBase promotions.publicReasons
    totals.floor checkout.freeOrder checkout.allowEmpty checkout.withoutPayment checkout.partialPayment checkout.removeBoughtLines
    checkout.split checkout.guest checkout.guestEmailOfAccount checkout.unavailable orders.customerCancel`

  it('there is a key for every question that existing systems answer differently', () => {
    const keys = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) => Object.keys(values).map((name) => `${group}.${name}`))
    assert.deepEqual(
      DECIDED.trim()
        .split(/\s+/)
        .filter((key) => !keys.includes(key)),
      [],
    )
  })
})
