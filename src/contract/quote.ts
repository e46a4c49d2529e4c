// What an outside engine for tax or shipping is sent and must answer, on the wire. Answers are closed: an unknown field is an error, because it may
// mean something that nobody here understood. Amounts are integers in minor units of the currency of the question.
import { Ajv, type ValidateFunction } from 'ajv'
import Type from 'typebox'
import type { ShippingQuote, TaxAnswer } from '../core/quote.ts'
import { Amount, CLOSED, Currency, Id, Nullable, Sku, Text } from './schemas.ts'

const LINES_MAX = 1000
const TAXES_MAX = 20
const METHODS_MAX = 100

const Destination = Nullable(
  Type.Object(
    {
      country: Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2' }),
      region: Type.Optional(Text(100)),
      postalCode: Type.Optional(Text(40)),
      city: Type.Optional(Text(200)),
      line1: Type.Optional(Text(200)),
    },
    CLOSED,
  ),
)
const asked = { shopId: Type.String(), cartId: Type.String(), currency: Currency, destination: Destination }
const line = {
  id: Type.String(),
  sku: Nullable(Sku),
  category: Nullable(Text(60)),
  quantity: Type.Integer({ minimum: 1 }),
  amount: Type.Integer({ minimum: 0, description: 'What is left of the whole line after discounts, in minor units' }),
}

/** What a tax engine is sent. */
export const TaxQuestion = Type.Object(
  {
    ...asked,
    lines: Type.Array(Type.Object(line, CLOSED)),
    shipping: Type.Integer({ minimum: 0, description: 'What shipping costs after discounts, in minor units' }),
    customer: Type.Object(
      { accountId: Nullable(Type.String()), exempt: Type.Boolean(), vatId: Nullable(Type.String()), vatIdChecked: Type.Boolean() },
      { ...CLOSED, description: 'Who buys; `exempt`: a server or staff said that this buyer owes no tax' },
    ),
  },
  CLOSED,
)

const Tax = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 200, description: 'Names the rate' }),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    percent: Type.String({ pattern: '^\\d{1,4}(\\.\\d{1,6})?$', description: 'A decimal string: "19", "7.7"' }),
    amount: Amount,
    included: Type.Boolean({ description: 'True: the taxed amount contains it' }),
  },
  CLOSED,
)

/** What a tax engine answers: the taxes of each line by its id, and those on shipping. A line that is missing owes none. */
export const TaxAnswerBody = Type.Object(
  {
    lines: Type.Array(Type.Object({ id: Type.String({ maxLength: 200 }), taxes: Type.Array(Tax, { maxItems: TAXES_MAX }) }, CLOSED), {
      maxItems: LINES_MAX,
    }),
    shipping: Type.Array(Tax, { maxItems: TAXES_MAX }),
  },
  CLOSED,
)

/** What a shipping engine is sent: the lines that are shipped, `category` being the shipping category. */
export const ShippingQuestion = Type.Object(
  {
    ...asked,
    lines: Type.Array(Type.Object({ ...line, grams: Type.Integer({ minimum: 0, description: 'Of one piece' }) }, CLOSED)),
    itemTotal: Type.Integer({ minimum: 0, description: 'What all items come to after discounts, also those that are not shipped' }),
  },
  CLOSED,
)

/** What a shipping engine answers: the methods in the order in which they are offered. */
export const ShippingAnswerBody = Type.Object(
  {
    methods: Type.Array(Type.Object({ id: Id, name: Type.String({ minLength: 1, maxLength: 100 }), amount: Amount }, CLOSED), {
      maxItems: METHODS_MAX,
    }),
  },
  CLOSED,
)

const ajv = new Ajv({ strict: false })
let isTaxAnswer: ValidateFunction<TaxAnswer> | null = null
let isShippingAnswer: ValidateFunction<{ methods: readonly ShippingQuote[] }> | null = null

/** The taxes in what an engine sent, or null when it is not of this form. */
export function readTaxAnswer(sent: unknown): TaxAnswer | null {
  isTaxAnswer ??= ajv.compile<TaxAnswer>(TaxAnswerBody)
  return isTaxAnswer(sent) ? sent : null
}

/** The methods in what an engine sent, or null when it is not of this form. */
export function readShippingAnswer(sent: unknown): readonly ShippingQuote[] | null {
  isShippingAnswer ??= ajv.compile<{ methods: readonly ShippingQuote[] }>(ShippingAnswerBody)
  return isShippingAnswer(sent) ? sent.methods : null
}
