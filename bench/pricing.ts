// What pricing costs by itself: CPU time of `priceCart` for carts of two sizes under promotions of every kind, without database or network.
// `node bench/pricing.ts` prints the median of many runs; `test/pricing-cost.test.ts` holds the promises.
import { MEASURED_CARTS, medianMicroseconds } from './pricing-carts.ts'

for (const measured of MEASURED_CARTS) {
  const median = medianMicroseconds(measured).toFixed(1)
  console.log(`${measured.name.padEnd(28)} ${median.padStart(9)} µs   (promised: ${measured.promise} µs)`)
}
