// Money: exact in every ISO currency, at both ends of the range, for negative numbers as for positive ones. Golden numbers are from ISO 4217
// and computed by hand; what holds for all numbers is stated as a property.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import currencyCodes from 'currency-codes'
import fc from 'fast-check'
import { currencies, exponentOf, formatDecimal, parseDecimal } from './currency.ts'
import { AMOUNT_MAX, allocate, divideRounded, exactText, multiply, parsePercent, percentOf, type Rounding, shareOf, sum } from './money.ts'

const amounts = fc.integer({ min: -AMOUNT_MAX, max: AMOUNT_MAX })
const MODES: readonly Rounding[] = ['halfUp', 'halfEven', 'halfDown']

describe('currencies have the decimals of ISO 4217', () => {
  it('every code of the table answers its own exponent', () => {
    assert.equal(currencies().length, currencyCodes.data.length)
    for (const { code, digits } of currencyCodes.data) assert.equal(exponentOf(code), digits, code)
  })

  it('the ones that are often wrong are right', () => {
    const golden = {
      JPY: 0,
      KRW: 0,
      ISK: 0,
      CLP: 0,
      XOF: 0,
      USD: 2,
      EUR: 2,
      HUF: 2,
      CZK: 2,
      KWD: 3,
      BHD: 3,
      TND: 3,
      OMR: 3,
      CLF: 4,
      UYW: 4,
    }
    assert.deepEqual(Object.fromEntries(Object.keys(golden).map((code) => [code, exponentOf(code)])), golden)
  })

  it('what is no code has no exponent', () => {
    for (const text of ['', 'usd', 'EURO', 'ABC', 'toString', '__proto__']) assert.equal(exponentOf(text), undefined, text)
  })
})

describe('decimal text and minor units are the same amount', () => {
  const golden: readonly [text: string, currency: string, amount: number, written: string][] = [
    ['1990', 'JPY', 1990, '1990'],
    ['1990.00', 'JPY', 1990, '1990'],
    ['33000', 'KRW', 33_000, '33000'],
    ['19.9', 'USD', 1990, '19.90'],
    ['0.01', 'USD', 1, '0.01'],
    ['-0.01', 'USD', -1, '-0.01'],
    ['-0', 'USD', 0, '0.00'],
    ['007', 'USD', 700, '7.00'],
    [' 5 ', 'USD', 500, '5.00'],
    ['1.005', 'KWD', 1005, '1.005'],
    ['12.5', 'BHD', 12_500, '12.500'],
    ['-0.001', 'BHD', -1, '-0.001'],
    ['0.1', 'CLF', 1000, '0.1000'],
    ['90071992547409.91', 'USD', AMOUNT_MAX, '90071992547409.91'],
    ['9007199254740991', 'JPY', AMOUNT_MAX, '9007199254740991'],
  ]
  for (const [text, currency, amount, written] of golden) {
    it(`${text} ${currency} is ${amount} and is written ${written}`, () => {
      assert.equal(parseDecimal(text, currency), amount)
      assert.equal(formatDecimal(amount, currency), written)
    })
  }

  it('what is no amount of the currency is refused, never rounded', () => {
    const refused: readonly [string, string][] = [
      ['1.5', 'JPY'],
      ['1.005', 'USD'],
      ['1.0005', 'KWD'],
      ['1,50', 'USD'],
      ['1e3', 'USD'],
      ['.5', 'USD'],
      ['5.', 'USD'],
      ['+5', 'USD'],
      ['', 'USD'],
      ['NaN', 'USD'],
      ['90071992547409.92', 'USD'],
      ['9007199254740993', 'JPY'],
      ['99999999999999999', 'JPY'],
      ['1', 'XYZ'],
    ]
    for (const [text, currency] of refused) assert.equal(parseDecimal(text, currency), null, `${text} ${currency}`)
  })

  it('what is written is read back, in every currency', () => {
    fc.assert(
      fc.property(amounts, fc.constantFrom(...currencies()), (amount, currency) => {
        assert.equal(parseDecimal(formatDecimal(amount, currency), currency), amount === 0 ? 0 : amount)
      }),
    )
  })
})

describe('a fraction of a minor unit is rounded once, as the shop says', () => {
  const table: readonly [numerator: number, denominator: number, halfUp: number, halfEven: number, halfDown: number][] = [
    [24, 10, 2, 2, 2],
    [25, 10, 3, 2, 2],
    [26, 10, 3, 3, 3],
    [35, 10, 4, 4, 3],
    [5, 10, 1, 0, 0],
    [15, 10, 2, 2, 1],
    [0, 10, 0, 0, 0],
    [20, 10, 2, 2, 2],
    [-24, 10, -2, -2, -2],
    [-25, 10, -3, -2, -2],
    [-26, 10, -3, -3, -3],
    [-35, 10, -4, -4, -3],
    [-5, 10, -1, 0, 0],
    [1, 3, 0, 0, 0],
    [2, 3, 1, 1, 1],
    [-2, 3, -1, -1, -1],
  ]
  for (const [numerator, denominator, ...expected] of table) {
    it(`${numerator}/${denominator} is ${expected.join(', ')}`, () => {
      assert.deepEqual(
        MODES.map((mode) => Number(divideRounded(BigInt(numerator), BigInt(denominator), mode)) + 0),
        expected,
      )
    })
  }

  it('the error is at most half a unit, and −x is the mirror image of x', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 80n), 2n ** 80n),
        fc.bigInt(1n, 2n ** 40n),
        fc.constantFrom(...MODES),
        (numerator, denominator, mode) => {
          const rounded = divideRounded(numerator, denominator, mode)
          const error = 2n * (rounded * denominator - numerator)
          assert.ok(error <= denominator && -error <= denominator)
          assert.equal(divideRounded(-numerator, denominator, mode), -rounded)
        },
      ),
    )
  })
})

describe('percentages are decimal strings', () => {
  it('they are read exactly', () => {
    assert.deepEqual(parsePercent('19'), { numerator: 19n, denominator: 100n })
    assert.deepEqual(parsePercent('8.875'), { numerator: 8875n, denominator: 100_000n })
    for (const text of ['', '-1', '1e2', '1.', '.5', '12345', '1.1234567', ' 1', '1%']) assert.equal(parsePercent(text), null, text)
  })

  it('a percentage of an amount', () => {
    assert.equal(percentOf(1999, '19', 'halfUp'), 380)
    assert.equal(percentOf(-1999, '19', 'halfUp'), -380)
    assert.equal(percentOf(10_000, '8.875', 'halfDown'), 887)
    assert.equal(percentOf(AMOUNT_MAX, '100', 'halfUp'), AMOUNT_MAX)
    assert.equal(percentOf(1999, 'nineteen', 'halfUp'), 0)
  })

  it('with numbers it is what it is with exact fractions, in every rounding', () => {
    const rates = fc.constantFrom('0', '0.000001', '1', '7.7', '8.875', '12.5', '19', '33.333333', '50', '99.999999', '100', '9999.999999')
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -2000, max: 2000 }), amounts),
        rates,
        fc.constantFrom(...MODES),
        (amount, percent, rounding) => {
          const { numerator, denominator } = parsePercent(percent) ?? assert.fail()
          assert.equal(percentOf(amount, percent, rounding) + 0, Number(divideRounded(BigInt(amount) * numerator, denominator, rounding)))
        },
      ),
      { numRuns: 5000 },
    )
  })
})

describe('a fraction as text', () => {
  it('is a decimal where it has one, and in lowest terms where it has none', () => {
    const table: readonly [bigint, bigint, string][] = [
      [0n, 7n, '0'],
      [10n, 5n, '2'],
      [185175n, 100n, '1851.75'],
      [1n, 1024n, '0.0009765625'],
      [2000n, 6n, '1000/3'],
      [-5n, 2n, '-2.5'],
      [-1n, 3n, '-1/3'],
    ]
    for (const [numerator, denominator, text] of table) assert.equal(exactText(numerator, denominator), text)
  })
})

describe('sums and products are exact or null', () => {
  it('at the edge of the range', () => {
    assert.equal(multiply(AMOUNT_MAX, 1), AMOUNT_MAX)
    assert.equal(multiply(AMOUNT_MAX, 2), null)
    assert.equal(multiply(90_072_893_277, 99_999), null)
    assert.equal(multiply(90_072_893_276, 99_999), 90_072_893_276 * 99_999)
    assert.equal(sum([AMOUNT_MAX, 0]), AMOUNT_MAX)
    assert.equal(sum([AMOUNT_MAX, 1]), null)
    assert.equal(sum([AMOUNT_MAX, 1, -1]), null)
    assert.equal(sum([-AMOUNT_MAX, -1]), null)
    assert.equal(sum([]), 0)
  })

  it('a product that is answered is the product', () => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 99_999 }), (amount, quantity) => {
        const product = BigInt(amount) * BigInt(quantity)
        const isExact = product <= BigInt(AMOUNT_MAX) && product >= -BigInt(AMOUNT_MAX)
        assert.equal(multiply(amount, quantity) === null, !isExact)
        if (isExact) assert.equal(BigInt(multiply(amount, quantity) ?? 0), product)
      }),
    )
  })
})

describe('an amount is split without losing or making a unit', () => {
  it('golden splits', () => {
    assert.deepEqual(allocate(1000, [1, 1, 1]), [334, 333, 333])
    assert.deepEqual(allocate(-1000, [1, 1, 1]), [-334, -333, -333])
    assert.deepEqual(allocate(100, [100, 200, 300]), [17, 33, 50])
    assert.deepEqual(allocate(5, [0, 0]), [0, 0])
    assert.deepEqual(allocate(0, [1, 2]), [0, 0])
    assert.deepEqual(allocate(5, []), [])
    assert.deepEqual(allocate(2, [0, 1, 0, 1, 1]), [0, 1, 0, 1, 0])
  })

  it('at the edge of the range', () => {
    assert.deepEqual(allocate(AMOUNT_MAX, [AMOUNT_MAX]), [AMOUNT_MAX])
    assert.deepEqual(allocate(AMOUNT_MAX, [AMOUNT_MAX, AMOUNT_MAX]), [4_503_599_627_370_496, 4_503_599_627_370_495])
    assert.deepEqual(allocate(-AMOUNT_MAX, [1, 0]), [-AMOUNT_MAX, 0])
  })

  const weights = fc.array(fc.integer({ min: 0, max: 2 ** 43 }), { minLength: 1, maxLength: 50 })

  it('the parts sum to the amount, zero weights get nothing, and twice is the same', () => {
    fc.assert(
      fc.property(amounts, weights, (amount, parts) => {
        const split = allocate(amount, parts)
        const isSpread = parts.some((weight) => weight > 0)
        assert.equal(
          split.reduce((total, part) => total + BigInt(part), 0n),
          isSpread ? BigInt(amount) : 0n,
        )
        for (const [index, part] of split.entries()) {
          if (parts[index] === 0) assert.equal(part, 0)
          assert.ok(Object.is(part, 0) || part !== 0, 'never −0')
        }
        assert.deepEqual(allocate(amount, parts), split)
      }),
    )
  })

  it('with numbers it is what it is with exact fractions, also next to the end of the range', () => {
    const near = fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 2 ** 27 }), fc.integer({ min: 0, max: AMOUNT_MAX }))
    fc.assert(
      fc.property(near, fc.array(near, { minLength: 1, maxLength: 12 }), (amount, parts) => {
        const total = parts.reduce((sum, weight) => sum + BigInt(weight), 0n)
        if (total === 0n) return
        const exact = parts.map((weight, index) => ({ index, share: BigInt(amount) * BigInt(weight) }))
        const expected = exact.map(({ share }) => Number(share / total))
        const left = BigInt(amount) - expected.reduce((sum, part) => sum + BigInt(part), 0n)
        const first = exact.toSorted((a, b) => Number(b.share % total > a.share % total) - Number(b.share % total < a.share % total))
        for (const { index } of first.slice(0, Number(left))) expected[index] = (expected[index] ?? 0) + 1
        assert.deepEqual(allocate(amount, parts), expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('a share of some pieces is rounded down, and all pieces are the whole', () => {
    assert.deepEqual([shareOf(100, 1, 3), shareOf(100, 2, 3), shareOf(100, 3, 3), shareOf(0, 1, 2)], [33, 66, 100, 0])
    assert.equal(shareOf(AMOUNT_MAX, 99_998, 99_999), Number((BigInt(AMOUNT_MAX) * 99_998n) / 99_999n))
  })

  it('SEED3-49 no part is larger than its weight while the amount is not larger than all weights', () => {
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, noNaN: true }), (parts, share) => {
        const amount = Math.floor(parts.reduce((total, weight) => total + weight, 0) * share)
        for (const [index, part] of allocate(amount, parts).entries()) assert.ok(part >= 0 && part <= (parts[index] ?? 0))
      }),
    )
  })

  it('SEED3-49 each part is its exact share, less than one unit off', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: AMOUNT_MAX }), weights, (amount, parts) => {
        const total = parts.reduce((all, weight) => all + BigInt(weight), 0n)
        if (total === 0n) return
        for (const [index, part] of allocate(amount, parts).entries()) {
          const difference = BigInt(part) * total - BigInt(amount) * BigInt(parts[index] ?? 0)
          assert.ok(difference < total && -difference < total)
        }
      }),
    )
  })
})
