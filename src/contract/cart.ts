// Carts on the wire. `Cart` describes what core/pricing.ts computes, field for field: a type test holds the two equal.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import {
  AddedQuantity,
  Address,
  Amount,
  Attributes,
  CLOSED,
  Currency,
  CustomerGroup,
  Email,
  Id,
  Money,
  Nullable,
  OneOf,
  Options,
  Percent,
  SetQuantity,
  Sku,
  Text,
  VatId,
} from './schemas.ts'

/** A note of a cart, a line or an order. */
export const Note = Type.String({ maxLength: LIMITS.note })

/** One change of a price. */
export const Adjustment = Type.Object(
  {
    type: Type.Union([Type.Literal('promotion'), Type.Literal('shipping'), Type.Literal('tax')]),
    label: Type.String(),
    amount: Money,
    included: Type.Boolean({ description: 'True: already part of the price (VAT)' }),
    source: Type.Object(
      {
        kind: Type.Union([
          Type.Literal('promotion'),
          Type.Literal('shipping_method'),
          Type.Literal('tax_rate'),
          Type.Literal('provider'),
          Type.Literal('external'),
        ]),
        id: Type.String(),
        code: Type.Optional(Type.String()),
      },
      CLOSED,
    ),
    target: Type.Union([Type.Literal('line'), Type.Literal('shipping')]),
    lineId: Type.Optional(Type.String()),
  },
  CLOSED,
)

/** A line as it is served. */
export const CartLine = Type.Object(
  {
    id: Type.String(),
    sku: Nullable(Type.String()),
    productId: Nullable(Type.String()),
    handle: Nullable(Type.String()),
    name: Type.String(),
    variantName: Type.String(),
    image: Nullable(Type.String()),
    kind: Type.Union([
      Type.Literal('goods'),
      Type.Literal('digital'),
      Type.Literal('recharge'),
      Type.Literal('subscription'),
      Type.Literal('bundle'),
    ]),
    seller: Nullable(Type.String({ description: 'Who sells it, where it is not the shop itself' })),
    quantity: Type.Integer(),
    options: Options,
    note: Nullable(Type.String()),
    attributes: Attributes,
    amount: Nullable(Money),
    parts: Type.Array(Type.Object({ sku: Type.String(), quantity: Type.Integer() }, CLOSED)),
    plan: Nullable(Type.String()),
    priceSource: Type.Union([Type.Literal('catalog'), Type.Literal('external'), Type.Literal('inline')]),
    unitPrice: Money,
    priceWhenAdded: Money,
    listPrice: Nullable(Money),
    itemTotal: Money,
    discountTotal: Money,
    total: Money,
    adjustments: Type.Array(Adjustment),
    requiresShipping: Type.Boolean(),
    taxSource: Type.Union([Type.Literal('rates'), Type.Literal('external')], {
      description: 'external: a server set its taxes; they are never computed anew',
    }),
    giftOf: Nullable(Type.String({ description: 'The promotion that gives it away; the line comes and goes with it' })),
    state: Type.Union([Type.Literal('AVAILABLE'), Type.Literal('UNAVAILABLE')]),
    addedAt: Type.String(),
  },
  CLOSED,
)

/** Whose something is. */
export const Owner = Type.Union([
  Type.Object({ kind: Type.Literal('guest'), guestId: Type.String() }, CLOSED),
  Type.Object({ kind: Type.Literal('account'), accountId: Type.String() }, CLOSED),
])

/** A notice: the cart is fine, but something changed or is not ready. */
export const Notice = Type.Object(
  {
    id: Type.String(),
    code: Type.String(),
    severity: Type.Union([Type.Literal('info'), Type.Literal('warning'), Type.Literal('error')]),
    path: Type.String(),
    params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()])),
    requiresAck: Type.Boolean({ description: 'The cart cannot be ordered until this was acknowledged' }),
    message: Type.Optional(Type.String({ description: 'The same in words, in the language of Accept-Language (en, de)' })),
  },
  CLOSED,
)

/** The totals: `total = itemTotal + discountTotal + shippingTotal + additionalTaxTotal`. */
export const totals = {
  itemTotal: Money,
  discountTotal: Money,
  shippingTotal: Money,
  includedTaxTotal: Money,
  additionalTaxTotal: Money,
  total: Money,
}

const CodeState = Type.Object({ code: Type.String(), applied: Type.Boolean(), reason: Nullable(Type.String()) }, CLOSED)

/** What carts and orders have in common. */
export const details = {
  codes: Type.Array(CodeState),
  email: Nullable(Type.String()),
  shippingAddress: Nullable(Address),
  billingAddress: Nullable(Address),
  shippingMethod: Nullable(Type.String()),
  customerGroups: Type.Array(Type.String()),
  vatId: Nullable(Type.String()),
  vatIdChecked: Type.Boolean(),
  taxExempt: Type.Boolean(),
  attributes: Attributes,
  note: Nullable(Type.String()),
  adjustments: Type.Array(Adjustment),
}

/** A cart as it is served. */
export const Cart = Type.Object(
  {
    id: Type.String(),
    number: Type.String(),
    shopId: Type.String(),
    type: Type.String(),
    state: Type.Union([Type.Literal('OPEN'), Type.Literal('CLOSED')]),
    closedReason: Nullable(Type.Union([Type.Literal('ordered'), Type.Literal('merged'), Type.Literal('expired'), Type.Literal('deleted')])),
    mergedInto: Nullable(Type.String()),
    orderId: Nullable(Type.String()),
    continues: Nullable(Type.String()),
    isCurrent: Type.Boolean({ description: "Whether it is what its owner's `current` means" }),
    owner: Owner,
    currency: Type.String(),
    version: Type.Integer({ description: 'Moves with each change of the cart' }),
    pricing: Type.Integer({ description: 'Moves when only prices do; keep the greater (version, pricing)' }),
    lines: Type.Array(CartLine),
    ...details,
    billingSameAsShipping: Type.Boolean(),
    shippingSameAsBilling: Type.Boolean({ description: 'While it is, `shippingAddress` follows `billingAddress`' }),
    requiresShipping: Type.Boolean(),
    shippingEstimate: Nullable(Money),
    notices: Type.Array(Notice),
    ...totals,
    itemCount: Type.Integer(),
    createdAt: Type.String(),
    updatedAt: Type.String(),
    expiresAt: Nullable(Type.String()),
  },
  { $id: 'Cart', ...CLOSED },
)

/** The data of `cart.abandoned`: the cart, and a link that brings its shopper back to it. */
export const AbandonedCart = Type.Object(
  {
    ...Cart.properties,
    restoreUrl: Type.String({ description: 'A page that restores the cart in whichever browser opens it' }),
    restoreToken: Type.String({ description: 'The same for an application: the token in that address' }),
  },
  { $id: 'AbandonedCart', ...CLOSED },
)

const LineResult = Type.Object(
  {
    index: Type.Integer(),
    ok: Type.Boolean(),
    lineId: Type.Optional(Type.String()),
    asked: Type.Integer(),
    got: Type.Integer(),
    code: Type.Optional(Type.String()),
    detail: Type.Optional(Type.Unknown()),
  },
  CLOSED,
)

const MERGE_MODES = ['merge', 'keepAccount', 'keepGuest', 'adopt', 'restorePrevious'] as const
const LINE_OUTCOMES = ['added', 'combined', 'clamped', 'unavailable', 'rejected'] as const

/** What became of everything that guest carts brought at login. */
export const MergeReport = Type.Object(
  {
    mode: OneOf(MERGE_MODES),
    lines: Type.Array(
      Type.Object(
        {
          from: Type.String({ description: 'The cart it was in' }),
          lineId: Type.String({ description: 'The line that it is now; where it was rejected, the line that it was' }),
          outcome: OneOf(LINE_OUTCOMES),
          asked: Type.Integer({ description: 'The quantity it brought' }),
          got: Type.Integer({ description: 'The quantity that the line has now' }),
          saved: Type.Boolean({ description: 'Set aside: among the saved lines of the cart' }),
          code: Type.Optional(Type.String({ description: 'Why it was clamped or rejected, or what stands between it and an order' })),
        },
        CLOSED,
      ),
    ),
    codes: Type.Array(
      Type.Object(
        {
          from: Type.String(),
          code: Type.String(),
          outcome: OneOf(['added', 'combined', 'rejected']),
          reason: Type.Optional(OneOf(['too_many_codes', 'replaced'])),
        },
        CLOSED,
      ),
    ),
    attributes: Type.Array(
      Type.Object({ from: Type.String(), name: Type.String(), outcome: OneOf(['added', 'combined', 'replaced', 'rejected']) }, CLOSED),
    ),
    carts: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          outcome: OneOf(['closed', 'deleted', 'kept']),
        },
        { ...CLOSED, description: 'kept: it stays open beside the current cart' },
      ),
    ),
  },
  CLOSED,
)

/** What every cart write answers. */
export const CartAnswer = Type.Object(
  {
    cart: Type.Ref('Cart'),
    results: Type.Optional(Type.Array(LineResult)),
    report: Type.Optional(MergeReport),
    token: Type.Optional(Type.String({ description: "A new guest's token; shown once" })),
  },
  { $id: 'CartAnswer', ...CLOSED },
)

const inline = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    unitPrice: Amount,
    taxCategory: Text(60),
    image: Type.Optional(Text(2000)),
    requiresShipping: Type.Optional(Type.Boolean()),
    grams: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: 'What one piece weighs' })),
  },
  CLOSED,
)

/** Taxes that a server set on a line. */
export const lineTaxes = Type.Array(
  Type.Object({ name: Type.String({ minLength: 1, maxLength: 100 }), percent: Percent, included: Type.Boolean() }, CLOSED),
  {
    maxItems: LIMITS.taxes,
    description: 'Its taxes instead of those by the rates of the shop; an empty list: it owes none',
  },
)

/** A line to add or fill. `unitPrice`, `inline` and `taxes` need the scope `carts:custom_prices`. */
export const LineInput = Type.Object(
  {
    sku: Type.Optional(Sku),
    quantity: Type.Optional(AddedQuantity),
    options: Type.Optional(Options),
    note: Type.Optional(Note),
    attributes: Type.Optional(Attributes),
    amount: Type.Optional(
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Recharge products: the amount, in minor units' }),
    ),
    plan: Type.Optional(Text(100)),
    keepSeparate: Type.Optional(Type.Boolean()),
    expectedUnitPrice: Type.Optional(Amount),
    unitPrice: Type.Optional(Amount),
    inline: Type.Optional(inline),
    taxes: Type.Optional(lineTaxes),
  },
  CLOSED,
)

const lines = Type.Array(LineInput, { minItems: 1, maxItems: LIMITS.linesPerRequest })

/** `POST /carts/{cart}/lines`: one line, or `lines` with `atomic`. */
export const AddLines = Type.Union([
  LineInput,
  Type.Object({ lines, atomic: Type.Optional(Type.Boolean()), currency: Type.Optional(Currency) }, CLOSED),
])

/** `PUT /carts/{cart}/lines`. */
export const FillLines = Type.Object(
  {
    lines: Type.Array(LineInput, { minItems: 0, maxItems: LIMITS.linesPerRequest }),
    mode: Type.Optional(Type.Union([Type.Literal('upsert'), Type.Literal('replace')])),
    atomic: Type.Optional(Type.Boolean()),
    currency: Type.Optional(Currency),
  },
  CLOSED,
)

/** `PATCH /carts/{cart}/lines/{line}`. */
export const SetLine = Type.Object(
  {
    quantity: Type.Optional(SetQuantity),
    options: Type.Optional(Options),
    note: Type.Optional(Nullable(Note)),
    attributes: Type.Optional(Attributes),
  },
  { ...CLOSED, minProperties: 1 },
)

/** `POST /carts`. */
export const CreateCart = Type.Object(
  {
    type: Type.Optional(Text(40)),
    currency: Type.Optional(Currency),
    attributes: Type.Optional(Attributes),
    lines: Type.Optional(lines),
    owner: Type.Optional(Id),
    email: Type.Optional(Email),
    draft: Type.Optional(
      Type.Boolean({ description: 'An order that staff prepares: a cart that only keys reach, until it is ordered (needs orders:edit)' }),
    ),
    new: Type.Optional(
      Type.Boolean({ description: 'Another cart although there is one; it becomes the current one (needs cart.multiple)' }),
    ),
  },
  CLOSED,
)

/** `PATCH /carts/{cart}`. */
export const PatchCart = Type.Object(
  {
    email: Type.Optional(Nullable(Email)),
    shippingAddress: Type.Optional(Nullable(Address)),
    billingAddress: Type.Optional(Nullable(Address)),
    billingSameAsShipping: Type.Optional(Type.Boolean()),
    shippingSameAsBilling: Type.Optional(Type.Boolean()),
    shippingMethod: Type.Optional(Nullable(Id)),
    attributes: Type.Optional(Attributes),
    note: Type.Optional(Nullable(Note)),
    currency: Type.Optional(Currency),
    customerGroups: Type.Optional(
      Type.Array(CustomerGroup, { maxItems: LIMITS.groups, description: 'Keys with carts:custom_prices only: the groups of its customer' }),
    ),
    retention: Type.Optional(
      Type.Union([Type.String({ maxLength: 40 }), Type.Null()], {
        description: 'Keys only: how long this cart is kept after its last write (ISO 8601 duration, or never); null is what the shop says',
      }),
    ),
    vatId: Type.Optional(Nullable(VatId)),
    vatIdChecked: Type.Optional(
      Type.Boolean({ description: 'Keys with carts:custom_prices only: the number was checked; another number is not checked any more' }),
    ),
    taxExempt: Type.Optional(Type.Boolean({ description: 'Keys with carts:custom_prices only: this buyer owes no tax' })),
  },
  { ...CLOSED, minProperties: 1 },
)

/** `POST /carts/{cart}/codes`. */
export const ApplyCode = Type.Object({ code: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }) }, CLOSED)

/** `POST /carts/{cart}/commands`: several commands, all or nothing. */
export const Commands = Type.Object(
  {
    commands: Type.Array(
      Type.Union([
        Type.Object({ add: Type.Object({ lines }, CLOSED) }, CLOSED),
        Type.Object(
          {
            set: Type.Object(
              {
                lineId: Id,
                quantity: Type.Optional(SetQuantity),
                options: Type.Optional(Options),
                note: Type.Optional(Nullable(Note)),
                attributes: Type.Optional(Attributes),
              },
              CLOSED,
            ),
          },
          CLOSED,
        ),
        Type.Object({ remove: Type.Object({ lineId: Id }, CLOSED) }, CLOSED),
        Type.Object({ clear: Type.Object({}, CLOSED) }, CLOSED),
        Type.Object({ applyCode: ApplyCode }, CLOSED),
        Type.Object({ removeCode: ApplyCode }, CLOSED),
        Type.Object({ change: PatchCart }, CLOSED),
      ]),
      { minItems: 1, maxItems: 50 },
    ),
  },
  CLOSED,
)

/**
 * `POST /carts/{cart}/merge`. `token` proves a guest's cart; only staff names carts of the account without one. No carts at all:
 * `restorePrevious` of somebody who logs in without a cart.
 */
export const MergeCarts = Type.Object(
  {
    carts: Type.Array(Type.Object({ id: Id, token: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) }, CLOSED), {
      maxItems: 20,
    }),
    mode: Type.Optional(OneOf(MERGE_MODES)),
  },
  CLOSED,
)

/** `POST /carts/{cart}/notices/acknowledge`. */
export const Acknowledge = Type.Object({ ids: Type.Union([Type.Array(Id, { minItems: 1, maxItems: 100 }), Type.Literal('all')]) }, CLOSED)

/** `GET /carts/{cart}/shipping-methods`. */
export const ShippingMethods = Type.Object(
  {
    items: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), price: Money, selected: Type.Boolean() }, CLOSED)),
    next: Type.Null(),
  },
  CLOSED,
)

/** `GET /carts/{cart}/saved-lines`. */
export const SavedLines = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          sku: Nullable(Type.String()),
          name: Type.String(),
          quantity: Type.Integer(),
          options: Options,
          note: Nullable(Type.String()),
        },
        CLOSED,
      ),
    ),
    next: Type.Null(),
  },
  CLOSED,
)

/** `GET /carts/{cart}/history`: one entry per change, the newest first. */
export const CartHistory = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          version: Type.Integer({ description: 'The version that the change made' }),
          at: Type.String(),
          actor: Type.String({ description: 'guest, account, system, or a key: its kind, and for keys its id' }),
          command: Type.String({ description: 'Commands that came at the same moment are one change: all of them, with commas' }),
          changes: Type.Array(
            Type.Object(
              { path: Type.String({ description: 'Lines by their ids' }), before: Type.Unknown(), after: Type.Unknown() },
              CLOSED,
            ),
          ),
        },
        CLOSED,
      ),
    ),
    next: Nullable(Type.String()),
  },
  CLOSED,
)

/** `GET /carts/{cart}/payment-methods`: the names to order with; the default is taken when none is named. */
export const PaymentMethods = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          id: Type.String({ description: 'Provider and method in one' }),
          name: Type.String(),
          provider: Type.String(),
          method: Nullable(Type.String({ description: 'Where the provider has several ways to pay' })),
          default: Type.Boolean(),
          available: Type.Optional(Type.Object(Money.properties, { ...CLOSED, description: 'Of a balance: what it holds' })),
        },
        CLOSED,
      ),
    ),
    next: Type.Null(),
  },
  CLOSED,
)

/** `GET /carts/{cart}/validation`: everything that stands between the cart and an order. */
export const Validation = Type.Object(
  {
    valid: Type.Boolean(),
    problems: Type.Array(
      Type.Object(
        {
          code: Type.String(),
          path: Type.Optional(Type.String()),
          message: Type.String({ description: 'The same in words, in the language of Accept-Language (en, de)' }),
        },
        { additionalProperties: true },
      ),
    ),
  },
  CLOSED,
)
