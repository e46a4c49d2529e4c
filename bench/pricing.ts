// What pricing costs by itself: CPU time of `priceCart` for carts of two sizes under promotions of every kind, without database or network.
// `node bench/pricing.ts` prints the median of many runs; `test/pricing-cost.test.ts` holds the promises.
import { CARTS, medianMicroseconds } from './pricing-carts.ts'

for (const { name, cart, facts, promise } of CARTS) {
  const median = medianMicroseconds(cart, facts, 2000)
  console.log(`${name.padEnd(28)} ${median.toFixed(1).padStart(9)} µs   (promised: ${promise} µs)`)
}
