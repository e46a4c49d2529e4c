// Words for shipping methods in tables: `post:499` or `post<5000!bulky:499@DE,AT^7500/999`. A method is its id, `<` the most grams it takes, `!` the
// categories it does not take, and after `:` its rates, separated by `/`. A rate is its amount, then in this order what it needs:
//   `EUR`                    its currency, where it is not the cart's
//   `@DE,AT` `@US.CA,NV` `@US=941*,94000-94999`  countries, after `.` regions, after `=` postal codes
//   `^5000`                  free from an item total
//   `kg(0=499,2000=899)`     steps by grams; `sum(…)` by what is paid for what ships; `pcs(…)` by pieces
//   `+bulky=300` `+bulky=300each`  a surcharge for a category, once or for each piece
import assert from 'node:assert/strict'
import type { ShippingMethod, ShippingRate } from '../../src/core/settings.ts'

const METHOD = /^([a-z]+)(?:<(\d+))?(?:!([a-z,]+))?:(.+)$/
const RATE =
  /^(\d+)([A-Z]{3})?(?:@([A-Z,]+)(?:\.([A-Za-z,]+))?(?:=([A-Z0-9,*-]+))?)?(?:\^(\d+))?(?:(kg|sum|pcs)\(([\d=,]+)\))?((?:\+[a-z]+=\d+(?:each)?)*)$/
const MEASURES = { kg: 'weight', sum: 'total', pcs: 'quantity' } as const

/** The method that a word stands for. Its name is its id. */
export function methodOf(word: string, currency: string): ShippingMethod {
  const match = METHOD.exec(word)
  assert.ok(match, `"${word}" does not read as ${METHOD}`)
  const [, id = '', maxGrams, excluded, rates = ''] = match
  return {
    id,
    name: id,
    rates: rates.split('/').map((rate) => rateOf(rate, currency)),
    ...(maxGrams === undefined ? {} : { maxGrams: Number(maxGrams) }),
    ...(excluded === undefined ? {} : { excludesCategories: excluded.split(',') }),
  }
}

function rateOf(word: string, cartCurrency: string): ShippingRate {
  const match = RATE.exec(word)
  assert.ok(match, `"${word}" does not read as ${RATE}`)
  const [, amount, currency = cartCurrency, countries, regions, postalCodes, freeFrom, measure, steps, surcharges] = match
  return {
    currency,
    amount: Number(amount),
    ...(countries === undefined ? {} : { countries: countries.split(',') }),
    ...(regions === undefined ? {} : { regions: regions.split(',') }),
    ...(postalCodes === undefined ? {} : { postalCodes: postalCodes.split(',') }),
    ...(freeFrom === undefined ? {} : { freeFrom: Number(freeFrom) }),
    ...(measure === undefined ? {} : { by: MEASURES[measure as keyof typeof MEASURES], steps: stepsOf(steps ?? '') }),
    ...(surcharges ? { surcharges: surchargesOf(surcharges) } : {}),
  }
}

function stepsOf(text: string): NonNullable<ShippingRate['steps']> {
  return text.split(',').map((step) => {
    const [from, amount] = step.split('=').map(Number)
    assert.ok(from !== undefined && amount !== undefined, `"${step}" is no step`)
    return { from, amount }
  })
}

function surchargesOf(text: string): NonNullable<ShippingRate['surcharges']> {
  return text
    .slice(1)
    .split('+')
    .map((surcharge) => {
      const [category = '', amount = ''] = surcharge.split('=')
      return { category, amount: Number.parseInt(amount, 10), per: amount.endsWith('each') ? 'item' : 'cart' }
    })
}

/** `DE--10115`, `US-CA-94103-1234` or `DE`: a country, a region, a postal code. */
export function destinationOf(text: string): { country: string; region?: string; postalCode?: string } {
  const [, country = '', region, postalCode] = /^([A-Z]{2})(?:-([^-]*))?(?:-(.+))?$/.exec(text) ?? assert.fail(`"${text}" is no place`)
  return { country, ...(region ? { region } : {}), ...(postalCode ? { postalCode: postalCode.replaceAll('_', ' ') } : {}) }
}
