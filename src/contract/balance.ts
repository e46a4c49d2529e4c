// Balances of accounts on the wire.
import Type from 'typebox'
import { BALANCE_ENTRY_KINDS } from '../core/balance.ts'
import { AMOUNT_MAX } from '../core/money.ts'
import { CLOSED, Currency, Id, ListOf, Money, Nullable, OneOf, Page } from './schemas.ts'

const Account = Type.Optional(Id)

const balance = {
  account: Type.String(),
  amount: Money,
  version: Type.Integer({ description: 'Rises with every movement' }),
  updatedAt: Type.String(),
}

const Entry = Type.Object(
  {
    id: Type.String(),
    account: Type.String(),
    kind: OneOf(BALANCE_ENTRY_KINDS),
    amount: Money,
    balanceAfter: Money,
    orderId: Nullable(Type.String()),
    lineId: Nullable(Type.String({ description: 'The recharge line that it is for' })),
    paymentId: Nullable(Type.String()),
    refundId: Nullable(Type.String()),
    by: Type.String({ description: 'Who did it: `account`, a key by its id, `system`, or `provider:<name>`' }),
    message: Nullable(Type.String()),
    at: Type.String(),
  },
  CLOSED,
)

/** What an account has, in one currency. */
export const Balance = Type.Object(balance, CLOSED)

/** What `balance.changed` tells: the balance after the movement, and the movement. */
export const BalanceChange = Type.Object({ ...balance, entry: Entry }, { ...CLOSED, $id: 'BalanceChange' })

/** The query of `GET /balances`. */
export const BalanceQuery = Type.Object({ account: Account }, CLOSED)

/** `GET /balances`: one for each currency. */
export const Balances = Type.Object({ items: Type.Array(Balance), next: Type.Null() }, CLOSED)

/** The query of `GET /balances/entries`. */
export const EntryQuery = Type.Object({ ...Page, account: Account, currency: Type.Optional(Currency) }, CLOSED)

/** `GET /balances/entries`. */
export const Entries = ListOf(Entry)

/** `POST /balances/adjustments`: above zero adds, below zero takes. */
export const AdjustBalance = Type.Object(
  {
    account: Id,
    currency: Currency,
    amount: Type.Integer({ minimum: -AMOUNT_MAX, maximum: AMOUNT_MAX, not: { const: 0 }, description: 'Signed integer minor units' }),
    message: Type.String({ minLength: 1, maxLength: 500, description: 'Why; the account may read it' }),
  },
  CLOSED,
)
