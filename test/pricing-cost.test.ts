// Pricing is quick enough to be done anew whenever it might be another price. The promises are CPU time; a test machine may be three times slower, and
// whatever became slower than that became slow by itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MEASURED_CARTS, medianMicroseconds } from '../bench/pricing-carts.ts'

describe('pricing', () => {
  for (const measured of MEASURED_CARTS) {
    it(`a cart of ${measured.name} is priced in ${measured.promise} µs, or three times that on a slow machine`, () => {
      const median = medianMicroseconds(measured)
      console.log(`  ${measured.name}: ${median.toFixed(1)} µs`)
      assert.ok(median <= 3 * measured.promise, `${median} µs`)
    })
  }
})
