// What staff and servers do with payments, and the accounts of shops at providers, on the wire.
import Type from 'typebox'
import { AMOUNT_MAX } from '../core/money.ts'
import { CLOSED, Nullable, OneOf, Text } from './schemas.ts'

const Taken = Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'Integer minor units of the currency of the payment' })

/** `POST /orders/{order}/payments/{payment}/capture`: all of what is reserved, or a part; the rest is set free. */
export const CapturePayment = Type.Union([Type.Object({ amount: Type.Optional(Taken) }, CLOSED), Type.Null()])

/** `POST /orders/{order}/payments/{payment}/void`. */
export const VoidPayment = Type.Union([Type.Object({}, CLOSED), Type.Null()])

/** `POST /orders/{order}/payments/{payment}/mark-paid`: all that is still owed, or what came of it. */
export const MarkPaid = Type.Union([
  Type.Object(
    {
      amount: Type.Optional(Taken),
      reference: Type.Optional(
        Type.String({ minLength: 1, maxLength: 200, description: 'The words of the bank, by which it is found again' }),
      ),
      receivedAt: Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description: 'When it came; now where absent' })),
    },
    CLOSED,
  ),
  Type.Null(),
])

/** A provider of this installation, with what a shop has told of its account there. Secrets are never served. */
export const PaymentProvider = Type.Object(
  {
    provider: Type.String(),
    settles: OneOf(['now', 'later']),
    needsAccount: Type.Boolean(),
    configured: Type.Boolean({ description: 'False: it needs an account, and the shop has none that can be opened' }),
    account: Nullable(
      Type.Record(Type.String(), Type.String(), { description: 'Fields of the account; of secret ones only the last four characters' }),
    ),
    updatedAt: Nullable(Type.String()),
  },
  CLOSED,
)

/** `GET /payment-providers`. */
export const PaymentProviders = Type.Object({ items: Type.Array(PaymentProvider), next: Type.Null() }, CLOSED)

/** `PUT /payment-providers/{provider}`: what the account consists of is the provider's; each field is a text, or null: none. */
export const ProviderAccount = Type.Record(Type.String({ pattern: '^[A-Za-z]{1,60}$' }), Nullable(Text(4096)), {
  ...CLOSED,
  minProperties: 1,
  maxProperties: 20,
})
