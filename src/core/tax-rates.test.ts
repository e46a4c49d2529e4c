// Which rate counts in which place, and which lists of rates are refused.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { refusalOf } from '../../test/facts.ts'
import type { TaxRate } from './settings.ts'
import { judgeRates, rateId, vatCountry } from './tax.ts'
import { ratesRefusal, withRateIds } from './tax-rates.ts'
import { normaliseVatId } from './vat.ts'

const rate = (changes: Partial<TaxRate> = {}): TaxRate => ({
  name: 'Tax',
  category: 'standard',
  percent: '10',
  included: false,
  ...changes,
})

/** Whether a rate for these postal codes covers a code. */
function covers(patterns: readonly string[], postalCode: string, country = 'DE'): boolean {
  const [judged] = judgeRates([rate({ country, postalCodes: patterns })], 'standard', { country, postalCode })
  return judged?.reason === null
}

describe('postal codes', () => {
  const table: readonly [pattern: string, code: string, covered: boolean, country?: string][] = [
    ['94103', '94103', true],
    ['94103', '94103-1234', true, 'US'],
    ['94103', '94103-1234', false],
    ['94103', '9410', false],
    ['941*', '94199', true],
    ['941*', '94', false],
    ['941*', '95100', false],
    ['94000-94999', '94000', true],
    ['94000-94999', '94999', true],
    ['94000-94999', '95000', false],
    ['94000-94999', '941', false],
    ['1000-1099', '1012 AB', true],
    ['sw1a 1aa', 'SW1A1AA', true],
    ['SW1-SW9', 'sw1a 1aa', true],
    ['100-0001', '1000001', true],
    ['00-950', '00950', true],
  ]
  for (const [pattern, code, covered, country] of table)
    it(`${pattern} ${covered ? 'covers' : 'does not cover'} ${code}${country ? ` in ${country}` : ''}`, () =>
      assert.equal(covers([pattern], code, country), covered))

  it('a rate for postal codes counts nowhere while the code is not known', () => {
    assert.deepEqual(
      judgeRates([rate({ country: 'DE', postalCodes: ['1*'] })], 'standard', { country: 'DE' }).map(({ reason }) => reason),
      ['other_zone'],
    )
  })
})

describe('the rates of a place', () => {
  it('per tax the most specific one, and of each that is passed over why', () => {
    const rates = [
      rate({ id: 'everywhere' }),
      rate({ id: 'us', country: 'US' }),
      rate({ id: 'ca', country: 'US', region: 'CA' }),
      rate({ id: 'sf', country: 'US', postalCodes: ['941*'] }),
      rate({ id: 'de', country: 'DE' }),
      rate({ id: 'city', tax: 'city', country: 'US', region: 'CA' }),
      rate({ id: 'food', category: 'food' }),
    ]
    const judged = judgeRates(rates, 'standard', { country: 'US', region: 'CA', postalCode: '94103' })
    assert.deepEqual(
      judged.map(({ rate: { id }, reason }) => [id, reason]),
      [
        ['everywhere', 'less_specific'],
        ['us', 'less_specific'],
        ['ca', 'less_specific'],
        ['sf', null],
        ['de', 'other_zone'],
        ['city', null],
      ],
    )
  })
})

describe('lists of rates that are refused', () => {
  const wrong: readonly [title: string, rates: readonly TaxRate[], path: string, reason: string][] = [
    ['an id twice', [rate({ id: 'a' }), rate({ id: 'a', category: 'b' })], '/rates/1/id', 'duplicate_id'],
    ['the same place twice', [rate(), rate({ percent: '5' })], '/rates/1', 'same_zone'],
    ['the same region twice', [rate({ country: 'US', region: 'CA' }), rate({ country: 'US', region: 'CA' })], '/rates/1', 'same_zone'],
    [
      'the same region in other letters',
      [rate({ country: 'US', region: 'CA' }), rate({ country: 'US', region: 'ca' })],
      '/rates/1',
      'same_zone',
    ],
    [
      'postal codes of which one is in another list',
      [rate({ country: 'US', postalCodes: ['1*', '941*'] }), rate({ country: 'US', postalCodes: ['2*', '94103'] })],
      '/rates/1/postalCodes/1',
      'same_zone',
    ],
    [
      'ranges that touch',
      [rate({ country: 'US', postalCodes: ['500-600'] }), rate({ country: 'US', postalCodes: ['100-500'] })],
      '/rates/1/postalCodes/0',
      'same_zone',
    ],
    [
      'a wide range behind narrow ones of the same rate',
      [rate({ country: 'US', postalCodes: ['100-900'] }), rate({ country: 'US', postalCodes: ['950', '8*'] })],
      '/rates/1/postalCodes/1',
      'same_zone',
    ],
    [
      'a code within a wide range that a narrow one follows',
      [rate({ country: 'US', postalCodes: ['1*', '12'] }), rate({ country: 'US', postalCodes: ['13'] })],
      '/rates/1/postalCodes/0',
      'same_zone',
    ],
    ['a range that ends before it begins', [rate({ country: 'US', postalCodes: ['9-1'] })], '/rates/0/postalCodes/0', 'range_backwards'],
    ['a star inside of a code', [rate({ country: 'US', postalCodes: ['1', '9*1'] })], '/rates/0/postalCodes/1', 'not_postal_codes'],
    ['a star alone', [rate({ country: 'US', postalCodes: ['*'] })], '/rates/0/postalCodes/0', 'not_postal_codes'],
    ['postal codes of no country', [rate({ postalCodes: ['1'] })], '/rates/0/postalCodes', 'postal_codes_need_a_country'],
    [
      'a tax in prices and another on them',
      [rate({ tax: 'vat', included: true }), rate({ tax: 'city', country: 'US' })],
      '/rates/1/included',
      'included_and_added',
    ],
  ]
  for (const [title, rates, path, reason] of wrong)
    it(title, () => {
      const refusal = refusalOf(ratesRefusal(rates, '/rates'))
      assert.deepEqual([refusal.path, refusal.reason], [path, reason])
    })

  it('what looks alike but is told apart is accepted', () => {
    const rates = [
      rate(),
      rate({ category: 'food' }),
      rate({ tax: 'city', country: 'US' }),
      rate({ country: 'US' }),
      rate({ country: 'US', postalCodes: ['1*', '20-29', '30', '1*'] }),
      rate({ country: 'US', postalCodes: ['300', '31-39'] }),
      rate({ country: 'DE', postalCodes: ['1*'] }),
      rate({ country: 'US', region: 'CA', postalCodes: ['1*'] }),
      // The same tax: of the two only one counts anywhere.
      rate({ country: 'FR', included: true }),
    ]
    assert.equal(ratesRefusal(rates, '/rates'), null)
  })

  it('of rates that are accepted one counts per tax and place, in whichever order they are listed', () => {
    const codes = fc.constantFrom('1*', '10-19', '12', '2*', '22-33', '34', '9-9', '99')
    const some = fc.constantFrom(undefined, 'US', 'DE')
    const rates = fc.array(
      fc
        .record({
          country: some,
          region: fc.constantFrom(undefined, 'A'),
          postalCodes: fc.option(fc.array(codes, { minLength: 1, maxLength: 3 }), { nil: undefined }),
        })
        .map((zone) => rate(Object.fromEntries(Object.entries(zone).filter(([, value]) => value !== undefined)))),
      { maxLength: 5 },
    )
    let accepted = 0
    fc.assert(
      fc.property(rates, fc.constantFrom('10', '12', '19', '22', '33', '34', '99'), (listed, postalCode) => {
        if (ratesRefusal(listed, '') !== null) return
        accepted += 1
        const chosen = (list: readonly TaxRate[]) =>
          judgeRates(list, 'standard', { country: 'US', region: 'A', postalCode }).flatMap((each) =>
            each.reason === null ? each.rate : [],
          )
        assert.ok(chosen(listed).length <= 1)
        assert.deepEqual(chosen(listed.toReversed()), chosen(listed))
      }),
      { numRuns: 5000 },
    )
    assert.ok(accepted > 500, `${accepted} lists`)
  })
})

describe('ids', () => {
  it('a rate is called after what it is about', () => {
    assert.equal(rateId(rate({ country: 'US', region: 'CA' })), 'standard/US/CA')
    assert.equal(rateId(rate({ tax: 'city' })), 'standard/city')
    assert.equal(rateId(rate({ id: 'own', country: 'US' })), 'own')
  })

  it('where that names another one, it gets an id', () => {
    let made = 0
    const ids = withRateIds([rate(), rate({ id: 'standard/US' }), rate({ country: 'US' }), rate()], () => `made${++made}`).map(rateId)
    assert.deepEqual(ids, ['standard', 'standard/US', 'made1', 'made2'])
  })
})

describe('VAT ids', () => {
  const good: readonly [written: string, kept: string, country: string][] = [
    ['DE136695976', 'DE136695976', 'DE'],
    [' de 136.695-976 ', 'DE136695976', 'DE'],
    ['ATU13585627', 'ATU13585627', 'AT'],
    ['FR40303265045', 'FR40303265045', 'FR'],
    ['NL004495445B01', 'NL004495445B01', 'NL'],
    ['EL094259216', 'EL094259216', 'GR'],
    ['GR094259216', 'EL094259216', 'GR'],
    ['XI110305878', 'XI110305878', 'XI'],
    ['GB980780684', 'GB980780684', 'GB'],
    ['CHE-107.787.577 MWST', 'CHE107787577MWST', 'CH'],
  ]
  for (const [written, kept, country] of good)
    it(`${written} is kept as ${kept} and is of ${country}`, () => {
      assert.equal(normaliseVatId(written), kept)
      assert.equal(vatCountry(kept), country)
    })
  for (const text of ['DE136695978', 'ATU13585626', 'DE', '', '136695976', 'XX123', 'US123456789', 'DE136695976DE136695976', '７８'])
    it(`"${text}" is none`, () => assert.equal(normaliseVatId(text), null))
})
