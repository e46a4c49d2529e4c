// Random carts with what pricing may know of them, for properties that hold for every cart.
import fc from 'fast-check'
import type { Rounding } from '../src/core/money.ts'
import type { Benefit } from '../src/core/promotion.ts'
import type { TaxRate } from '../src/core/settings.ts'
import { cartWith, factsOf, guestCart, line, promotionOf, variantOf } from './facts.ts'

const CURRENCIES = ['USD', 'EUR', 'JPY', 'KWD'] as const
const CATEGORIES = ['standard', 'reduced', 'none'] as const

const percents = fc.constantFrom('0', '1', '7', '8.875', '10', '19', '33.333', '50', '99.999', '100', '250')
const amounts = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10 ** 6 }), fc.integer({ min: 0, max: 10 ** 9 }))

const benefits: fc.Arbitrary<(currency: string) => Benefit> = fc.oneof(
  percents.map((percent) => () => ({ kind: 'percent_off' as const, percent })),
  amounts.map((amount) => (currency: string) => ({ kind: 'amount_off' as const, amounts: [{ currency, amount }] })),
  fc.constant(() => ({ kind: 'free_shipping' as const })),
)

const randomLines = fc.array(
  fc.record({
    price: amounts,
    quantity: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 99_999 })),
    category: fc.constantFrom(...CATEGORIES),
    digital: fc.boolean(),
    published: fc.constantFrom(true, true, true, false),
  }),
  { minLength: 0, maxLength: 8 },
)

const randomTax = fc.record({
  included: fc.boolean(),
  standard: percents,
  reduced: percents,
  shipping: fc.constantFrom('standard', null),
  rounding: fc.constantFrom<Rounding>('halfUp', 'halfEven', 'halfDown'),
})

const randomShipping = fc.option(fc.record({ amount: amounts, freeFrom: fc.option(amounts, { nil: undefined }) }))

/** A cart of up to eight lines in one of four currencies with up to four promotions, tax and shipping, and what pricing may know. */
export const randomCarts = fc
  .record({
    currency: fc.constantFrom(...CURRENCIES),
    lines: randomLines,
    promotions: fc.array(benefits, { maxLength: 4 }),
    tax: fc.option(randomTax),
    shipping: randomShipping,
  })
  .map(({ currency, lines, promotions, tax, shipping }) => {
    const rates: TaxRate[] = tax
      ? [
          { name: 'Standard', category: 'standard', percent: tax.standard, included: tax.included },
          { name: 'Reduced', category: 'reduced', percent: tax.reduced, included: tax.included },
        ]
      : []
    const rate = shipping && {
      currency,
      amount: shipping.amount,
      ...(shipping.freeFrom === undefined ? {} : { freeFrom: shipping.freeFrom }),
    }
    const variants = lines.map(({ price, category, digital }, index) =>
      variantOf(`SKU-${index}`, { [currency]: price }, { taxCategory: category, requiresShipping: !digital }),
    )
    const facts = factsOf({
      currency,
      variants,
      promotions: promotions.map((benefit, index) => promotionOf(`promo_${index}`, benefit(currency))),
      settings: {
        pricing: { rounding: tax?.rounding ?? 'halfUp' },
        tax: { rates, shippingCategory: tax?.shipping ?? null },
        shipping: { methods: rate ? [{ id: 'post', name: 'Post', rates: [rate] }] : [] },
      },
    })
    const cart = cartWith(
      facts,
      lines.map(({ quantity }, index) => line(`SKU-${index}`, quantity, { id: `ln_${index}` })),
      guestCart({ currency, shippingMethod: rate ? 'post' : null }),
    )
    const shown = variants.map((variant, index) => ({ ...variant, published: lines[index]?.published === true }))
    return { cart, facts: { ...facts, variants: new Map(shown.map((variant) => [variant.sku, variant])) } }
  })
