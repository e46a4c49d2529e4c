// Shops, settings, catalogue and keys on the wire.
import Type from 'typebox'
import { EMAIL_KINDS } from '../core/email.ts'
import type { LimitScope } from '../core/limit.ts'
import { PRODUCT_KINDS } from '../core/product.ts'
import { SCOPES } from '../core/scope.ts'
import { SHIPPING_METHODS_MAX } from '../core/shipping-table.ts'
import { INTERVAL_PATTERN } from '../core/subscription.ts'
import {
  Amount,
  CLOSED,
  Country,
  Currency,
  CustomerGroup,
  Email,
  Id,
  Lane,
  LanguageTag,
  ListOf,
  Nullable,
  OneOf,
  Percent,
  ShopId,
  Sku,
  Text,
} from './schemas.ts'

const Duration = Type.String({ maxLength: 40, description: 'ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"' })
const JsonSchema = Type.Record(Type.String(), Type.Unknown(), {
  description: 'A JSON schema; a property with "identity": true tells lines apart',
})

/** `POST /v1/shops`. */
export const CreateShop = Type.Object(
  {
    id: ShopId,
    name: Type.String({ minLength: 1, maxLength: 200 }),
    currency: Currency,
    preset: Type.Optional(OneOf(['default', 'store', 'fill', 'reconcile', 'service', 'classic'])),
  },
  CLOSED,
)

/** `PATCH /v1/shops/{shop}`. */
export const PatchShop = Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }) }, CLOSED)

/** A shop. */
export const Shop = Type.Object(
  { id: Type.String(), name: Type.String(), currency: Type.String(), preset: Type.String(), createdAt: Type.String() },
  { $id: 'Shop', ...CLOSED },
)

const Issuer = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9-]{1,40}$' }),
    iss: Text(500),
    aud: Text(500),
    algorithms: Type.Array(
      OneOf(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
      { minItems: 1 },
    ),
    jwksUrl: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 2000 })),
    secret: Type.Optional(Type.String({ minLength: 32, maxLength: 1000 })),
    emailClaim: Type.Optional(Text(100)),
    emailVerifiedClaim: Type.Optional(Text(100)),
    groupsClaim: Type.Optional(Text(100)),
  },
  CLOSED,
)
/** A tax rate, as it is written and served. */
export const TaxRate = Type.Object(
  {
    id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 300, pattern: '^\\S(.*\\S)?$', description: 'Without one it is called after its zone' }),
    ),
    name: Text(100),
    tax: Type.Optional(Type.String({ pattern: '^[a-z0-9_-]{1,40}$', description: 'Which tax it is; different taxes add up' })),
    category: Text(60),
    country: Type.Optional(Country),
    region: Type.Optional(Text(100)),
    postalCodes: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 27 }), {
        minItems: 1,
        maxItems: 500,
        description: '94103, 941* or 94000-94999; needs a country',
      }),
    ),
    percent: Percent,
    included: Type.Boolean(),
    compound: Type.Optional(Type.Boolean({ description: 'On the amount and the taxes that are not compound' })),
  },
  CLOSED,
)
const ShippingCategory = Type.String({ minLength: 1, maxLength: 60 })
const PostalCodes = Type.String({
  pattern: '^[A-Z0-9]{1,12}(\\*|-[A-Z0-9]{1,12})?$',
  description: 'One ("94103"), those that begin with it ("941*"), or a range of digits ("94000-94999"); capitals, no spaces',
})
const TaxRateList = Type.Array(TaxRate, { maxItems: 1000 })

/** `PUT /tax-rates`: all of them, as `GET` answers them. */
export const TaxRates = Type.Object({ items: TaxRateList, next: Type.Optional(Type.Null()) }, CLOSED)

const ShippingRate = Type.Object(
  {
    countries: Type.Optional(Type.Array(Country, { minItems: 1, maxItems: 250 })),
    regions: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1, maxItems: 200 })),
    postalCodes: Type.Optional(Type.Array(PostalCodes, { minItems: 1, maxItems: 1000 })),
    currency: Currency,
    amount: Amount,
    freeFrom: Type.Optional(Amount),
    by: Type.Optional(OneOf(['weight', 'total', 'quantity'])),
    steps: Type.Optional(Type.Array(Type.Object({ from: Amount, amount: Amount }, CLOSED), { minItems: 1, maxItems: 100 })),
    surcharges: Type.Optional(
      Type.Array(Type.Object({ category: ShippingCategory, amount: Amount, per: OneOf(['item', 'cart']) }, CLOSED), {
        minItems: 1,
        maxItems: 50,
      }),
    ),
  },
  CLOSED,
)

/** A shipping method as it is written and as it is served to whoever sets up the shop. */
export const ShippingMethod = Type.Object(
  {
    id: Id,
    name: Text(100),
    rates: Type.Array(ShippingRate, { minItems: 1, maxItems: 500 }),
    maxGrams: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
    excludesCategories: Type.Optional(Type.Array(ShippingCategory, { minItems: 1, maxItems: 50 })),
  },
  CLOSED,
)
const ShippingMethodTable = Type.Array(ShippingMethod, { maxItems: SHIPPING_METHODS_MAX })

/** `PUT /shipping-methods`: all of them, as `GET` answers them. */
export const ShippingMethodList = Type.Object({ items: ShippingMethodTable, next: Type.Optional(Type.Null()) }, CLOSED)

const StatusId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$' })
const Statuses = Type.Object(
  {
    initial: StatusId,
    list: Type.Array(
      Type.Object(
        {
          id: StatusId,
          name: Type.String({ minLength: 1, maxLength: 100 }),
          color: Type.Optional(Type.String({ pattern: '^#[0-9a-fA-F]{6}$' })),
          confirms: Type.Optional(Type.Boolean()),
          state: Type.Optional(OneOf(['COMPLETED', 'CANCELLED'])),
        },
        CLOSED,
      ),
      { minItems: 1, maxItems: 50 },
    ),
    transitions: Type.Union([
      Type.Literal('any'),
      Type.Array(
        Type.Object(
          {
            from: StatusId,
            to: StatusId,
            roles: Type.Array(OneOf(['customer', 'staff', 'system']), { minItems: 1, maxItems: 3, uniqueItems: true }),
            requires: Type.Optional(Type.Array(OneOf(['shipment', 'payment', 'message']), { minItems: 1, maxItems: 3, uniqueItems: true })),
          },
          CLOSED,
        ),
        { maxItems: 500 },
      ),
    ]),
    on: Type.Object({ cancelled: StatusId, completed: Type.Optional(StatusId), fulfilled: Type.Optional(StatusId) }, CLOSED),
  },
  CLOSED,
)

/** Who is asked outside of the shop, and what holds while they do not answer. */
const outside = {
  provider: Nullable(Type.String({ pattern: '^[a-z0-9-]{1,40}$' })),
  onProviderFailure: OneOf(['block', 'last', 'fallback']),
  providerDeadline: Duration,
}
/** A way to pay by hand. */
const ManualMethod = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9_-]{1,60}$' }),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    instructions: Type.String({ maxLength: 2000, description: 'What the customer is told to do, as plain text' }),
  },
  CLOSED,
)

const partial = <P extends Type.TProperties>(properties: P) => Type.Optional(Type.Partial(Type.Object(properties, CLOSED), CLOSED))

/** A page of the shop's; anything else than the web could run code where it is clicked. */
const PageUrl = Type.String({ pattern: '^https?://[^\\s]+$', maxLength: 2000 })

/** How often something may happen, for each of those it is counted for; 0 is no limit. */
function limit<Scope extends LimitScope>(...scopes: readonly Scope[]) {
  const count = Type.Integer({ minimum: 0, maximum: 1_000_000 })
  return Type.Object(Object.fromEntries(scopes.map((scope) => [scope, count])) as Record<Scope, typeof count>, CLOSED)
}

/** `PATCH …/settings`: any groups, any keys; the others stay. */
export const PatchSettings = Type.Object(
  {
    access: partial({
      guestCarts: Type.Boolean(),
      origins: Type.Array(Text(300), { maxItems: 200 }),
      issuers: Type.Array(Issuer, { maxItems: 10 }),
    }),
    cart: partial({
      types: Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), { minItems: 1, maxItems: 10 }),
      multiple: Type.Boolean(),
      onOrdered: OneOf(['close', 'delete']),
      onMerged: OneOf(['close', 'delete']),
      activeDuration: Duration,
    }),
    lines: partial({
      max: Type.Integer({ minimum: 1, maximum: 500 }),
      whenFull: OneOf(['refuse', 'replace']),
      quantityMax: Type.Integer({ minimum: 1, maximum: 99_999 }),
      quantityEditing: OneOf(['editable', 'system']),
      allowKinds: Type.Array(OneOf(PRODUCT_KINDS)),
      noteOnRepeat: OneOf(['replace', 'append', 'keep']),
      order: OneOf(['oldest', 'newest']),
      onUnavailable: OneOf(['flag', 'remove']),
    }),
    attributes: partial({ cart: Nullable(JsonSchema), line: Nullable(JsonSchema), order: Nullable(JsonSchema) }),
    currency: partial({
      source: Type.Array(OneOf(['explicit', 'country', 'shop', 'product']), { minItems: 1, uniqueItems: true }),
      byCountry: Type.Record(Type.String({ pattern: '^[A-Z]{2}$' }), Currency, { maxProperties: 250 }),
      onMissingPrice: OneOf(['block', 'flag']),
    }),
    inventory: partial({
      onAdd: OneOf(['clamp', 'reject', 'allow']),
      reserve: OneOf(['cart', 'checkout', 'none']),
      holdTtl: Duration,
      holdMaxPerOwner: Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
    }),
    promotions: partial({
      maxCodes: Type.Integer({ minimum: 0, maximum: 10 }),
      caseSensitive: Type.Boolean(),
      onInvalid: OneOf(['keep', 'remove']),
      percentBase: OneOf(['original', 'running']),
      bestOfLanes: Type.Array(Lane, { maxItems: 101, uniqueItems: true }),
      publicReasons: OneOf(['neutral', 'detailed']),
    }),
    pricing: partial({
      onIncrease: OneOf(['confirm', 'accept', 'hold']),
      holdFor: Duration,
      requireExpected: Type.Boolean(),
      rounding: OneOf(['halfUp', 'halfEven', 'halfDown']),
    }),
    tax: partial({
      rates: TaxRateList,
      shippingCategory: Nullable(Text(60)),
      defaultCountry: Nullable(Country),
      ...outside,
      basedOn: OneOf(['shipping', 'billing']),
      roundingLevel: OneOf(['unit', 'line', 'order']),
      exemptGroups: Type.Array(Text(100), { maxItems: 100, uniqueItems: true }),
      exemptPrices: OneOf(['net', 'gross']),
      reverseCharge: Nullable(
        Type.Object(
          {
            home: Country,
            countries: Type.Array(Country, { minItems: 1, maxItems: 250, uniqueItems: true }),
            require: OneOf(['format', 'checked']),
          },
          CLOSED,
        ),
      ),
    }),
    shipping: partial({ methods: ShippingMethodTable, whenNotChosen: OneOf(['none', 'cheapest']), ...outside }),
    totals: partial({ floor: OneOf(['zero', 'shipping']) }),
    notices: partial({ requireAck: Type.Array(Text(60), { maxItems: 50, uniqueItems: true }) }),
    merge: partial({
      quantity: OneOf(['sum', 'max', 'guest', 'account']),
      overLimit: OneOf(['clamp', 'reject']),
      attributes: OneOf(['guestWins', 'accountWins']),
      currencyConflict: OneOf(['reject', 'reprice']),
      unifyRefKinds: Type.Literal(false),
      staffSameOwner: Type.Boolean(),
    }),
    reconcile: partial({
      onLogin: OneOf(['merge', 'keepAccount', 'keepGuest', 'adopt', 'restorePrevious']),
      duringCheckout: OneOf(['merge', 'keepAccount', 'keepGuest']),
      keepReplaced: Type.Boolean(),
    }),
    restore: partial({ tokenTtl: Duration }),
    links: partial({
      loadCartRedirectUrl: Nullable(Text(2000)),
      redirectOrigins: Type.Array(Type.String({ pattern: '^https?://[^/?#]{1,255}$' }), { maxItems: 50 }),
      planPageUrl: Text(2000),
      orderUrl: Nullable(PageUrl),
      cartUrl: Nullable(PageUrl),
    }),
    checkout: partial({
      guest: Type.Boolean(),
      guestEmailOfAccount: OneOf(['allow', 'requireLogin']),
      requireEmail: Type.Boolean(),
      requireShippingAddress: Type.Boolean(),
      requireBillingAddress: Type.Boolean(),
      requireShippingMethod: Type.Boolean(),
      allowEmpty: Type.Boolean(),
      unavailable: OneOf(['block', 'drop']),
      freeOrder: OneOf(['complete', 'process']),
      withoutPayment: Type.Boolean(),
      partialPayment: Type.Literal(false),
      split: OneOf(['none']),
      unpaidTtl: Duration,
      removeBoughtLines: Type.Boolean(),
      freeze: OneOf(['off', 'whilePaying']),
    }),
    retention: partial({
      anonymous: Duration,
      account: Duration,
      empty: Duration,
      drafts: Duration,
      closed: Duration,
      touchOnRead: Type.Literal(false),
    }),
    abandoned: partial({ after: Duration }),
    history: partial({ keep: Duration }),
    orders: partial({
      referenceTemplate: Type.String({ minLength: 1, maxLength: 1000 }),
      tokenTtl: Duration,
      customerCancel: OneOf(['untilConfirmed', 'never']),
      statuses: Statuses,
      complete: OneOf(['whenPaidAndFulfilled', 'manually']),
      fulfilUnshipped: OneOf(['whenPaid', 'manually']),
      claim: OneOf(['request', 'off']),
    }),
    balance: partial({ creditRecharges: Type.Boolean(), allowNegative: Type.Boolean() }),
    payment: partial({
      providers: Type.Array(Text(60), { maxItems: 20 }),
      capture: OneOf(['automatic', 'manual']),
      manualMethods: Type.Array(ManualMethod, { maxItems: 20 }),
      maxPayments: Type.Literal(1),
      presentmentCurrency: OneOf(['off']),
    }),
    subscriptions: partial({
      retryAfter: Type.Array(Duration, { maxItems: 20 }),
      grace: Duration,
    }),
    email: partial({
      from: Nullable(Type.Object({ name: Type.String({ maxLength: 100, pattern: '^[^\\p{Cc}]*$' }), address: Email }, CLOSED)),
      replyTo: Nullable(Email),
      cc: Type.Array(Email, { maxItems: 5, uniqueItems: true }),
      bcc: Type.Array(Email, { maxItems: 5, uniqueItems: true }),
      kinds: Type.Array(OneOf(EMAIL_KINDS), { maxItems: EMAIL_KINDS.length, uniqueItems: true }),
      statuses: Type.Array(Type.String({ minLength: 1, maxLength: 60 }), { maxItems: 100, uniqueItems: true }),
      languages: Type.Array(LanguageTag, { minItems: 1, maxItems: 20, uniqueItems: true }),
      keepLog: Duration,
    }),
    limits: partial({
      tokens: limit('address', 'shop'),
      codes: limit('address', 'owner', 'cart', 'shop'),
      links: limit('cart'),
      orders: limit('address', 'owner'),
      payments: limit('address', 'owner', 'cart'),
      declines: limit('address', 'owner', 'email', 'cart', 'shop'),
      lookups: limit('address', 'email'),
      trials: limit('owner'),
    }),
  },
  { ...CLOSED, minProperties: 1 },
)

const Price = Type.Object({ currency: Currency, amount: Amount, listAmount: Type.Optional(Amount) }, CLOSED)

const VariantPrice = Type.Object(
  {
    ...Price.properties,
    quantityFrom: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 99_999, description: 'From how many pieces of the sku in the cart it applies' }),
    ),
    group: Type.Optional(CustomerGroup),
    startsAt: Type.Optional(Type.String({ format: 'date-time', description: 'From this moment on' })),
    endsAt: Type.Optional(Type.String({ format: 'date-time', description: 'Until this moment, exclusive' })),
  },
  { ...CLOSED, description: 'Of the prices of a currency that apply, the lowest counts' },
)

const Variant = Type.Object(
  {
    sku: Sku,
    name: Text(255),
    options: Type.Record(Type.String({ pattern: '^.{1,100}$' }), Text(255)),
    prices: Type.Array(VariantPrice, { maxItems: 200 }),
    stockPolicy: OneOf(['untracked', 'deny', 'continue']),
    onHand: Type.Optional(Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 })),
    requiresShipping: Type.Boolean(),
    taxable: Type.Boolean(),
    grams: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
    barcode: Type.Optional(Text(100)),
    image: Type.Optional(Text(2000)),
    quantityStep: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    quantityMin: Type.Optional(Type.Integer({ minimum: 1, maximum: 99_999 })),
    quantityMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 99_999 })),
    parts: Type.Optional(
      Type.Array(Type.Object({ sku: Sku, quantity: Type.Integer({ minimum: 1, maximum: 10_000 }) }, CLOSED), { minItems: 1, maxItems: 50 }),
    ),
  },
  CLOSED,
)

const Plan = Type.Object(
  {
    id: Id,
    name: Text(100),
    interval: Type.String({ pattern: INTERVAL_PATTERN, description: 'ISO 8601 duration of one unit: P7D, P2W, P1M, P1Y' }),
    price: Price,
    exclusive: Type.Optional(
      Type.Union([Type.Boolean(), Id], {
        description: 'An account has one at a time: of this product (true), or of all plans of this group',
      }),
    ),
    maxPeriods: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'It ends by itself after so many periods' })),
  },
  CLOSED,
)

const product = {
  handle: Type.String({ minLength: 1, maxLength: 255, pattern: '^\\S+$' }),
  name: Type.String({ minLength: 1, maxLength: 255 }),
  description: Text(50_000),
  vendor: Type.Optional(Text(255)),
  seller: Type.Optional(Text(255)),
  productType: Type.Optional(Text(255)),
  tags: Type.Array(Text(255), { maxItems: 250 }),
  categories: Type.Optional(Type.Array(Text(255), { maxItems: 50, uniqueItems: true })),
  kind: OneOf(PRODUCT_KINDS),
  published: Type.Boolean(),
  images: Type.Array(Type.Object({ src: Text(2000), alt: Type.Optional(Text(500)) }, CLOSED), { maxItems: 250 }),
  taxCategory: Text(60),
  shippingCategory: Type.Optional(Text(60)),
  recharge: Type.Optional(
    Type.Object(
      {
        currency: Currency,
        presets: Type.Array(Amount, { maxItems: 100 }),
        allowCustom: Type.Boolean(),
        min: Type.Optional(Amount),
        max: Type.Optional(Amount),
        step: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
      },
      CLOSED,
    ),
  ),
  plans: Type.Optional(Type.Array(Plan, { maxItems: 50 })),
  variants: Type.Array(Variant, { minItems: 1, maxItems: 250 }),
}

/** What a variant may leave out, with what it then is: `productOf` fills it in. */
const VariantInput = Type.Object(
  {
    ...Variant.properties,
    name: Type.Optional(Type.String({ maxLength: 255, description: 'Empty unless given' })),
    options: Type.Optional(Variant.properties.options),
    stockPolicy: Type.Optional(
      OneOf(['untracked', 'deny', 'continue'], {
        description: 'Unless given, a sku that is counted stays so; of others `deny` where `onHand` is given, else `untracked`',
      }),
    ),
    onHand: Type.Optional(
      Type.Integer({
        minimum: -1_000_000_000,
        maximum: 1_000_000_000,
        description: 'Leave it out where only other things change: unless given, the count stays as it is, and begins with 0',
      }),
    ),
    requiresShipping: Type.Optional(Type.Boolean({ description: 'Unless given: true of `goods` and `bundle`, false of other kinds' })),
    taxable: Type.Optional(Type.Boolean({ description: 'Unless given: true, but false of `recharge`' })),
    grams: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: '0 unless given' })),
  },
  CLOSED,
)

/** A product as it is written: whole. What it may leave out is as `productOf` says; only publishing and stock stay as they were. */
export const ProductInput = Type.Object(
  {
    ...product,
    description: Type.Optional(Type.String({ maxLength: 50_000, description: 'Empty unless given' })),
    tags: Type.Optional(product.tags),
    kind: Type.Optional(OneOf(PRODUCT_KINDS, { description: '`goods` unless given' })),
    published: Type.Optional(Type.Boolean({ description: 'Unless given, as it was; true of a new product' })),
    images: Type.Optional(product.images),
    taxCategory: Type.Optional(Type.String({ maxLength: 60, description: '`standard` unless given' })),
    variants: Type.Array(VariantInput, { minItems: 1, maxItems: 250 }),
  },
  CLOSED,
)

/** A product as it is served. */
export const Product = Type.Object({ id: Type.String(), ...product }, { $id: 'Product', ...CLOSED })

/** `POST /products/import` as JSON: each product is judged by itself, so that a bad one stops no good one. */
export const ImportProducts = Type.Object({ products: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 10_000 }) }, CLOSED)

/** What an import did. */
export const ImportReport = Type.Object(
  {
    created: Type.Integer(),
    changed: Type.Integer(),
    unchanged: Type.Integer(),
    refusedCount: Type.Integer(),
    refused: Type.Array(
      Type.Object(
        { line: Type.Integer(), handle: Type.Optional(Type.String()), column: Type.Optional(Type.String()), reason: Type.String() },
        CLOSED,
      ),
    ),
  },
  CLOSED,
)

/** `PUT /stock/{sku}`: how many there are, or by how many that changes. */
export const StockInput = Type.Union([
  Type.Object({ onHand: Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 }) }, CLOSED),
  Type.Object({ delta: Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 }) }, CLOSED),
])

/** Stock as it is served. */
export const Stock = Type.Object({ sku: Type.String(), onHand: Type.Integer(), policy: Type.String() }, CLOSED)

/** `POST /api-keys`. */
export const KeyInput = Type.Object(
  {
    kind: Type.Optional(OneOf(['server', 'staff'])),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    scopes: Type.Array(OneOf(SCOPES), { minItems: 1, uniqueItems: true }),
  },
  CLOSED,
)

/** A key as it is listed, without its secret. */
export const Key = Type.Object(
  {
    id: Type.String(),
    kind: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.String()),
    createdAt: Type.String(),
    revokedAt: Nullable(Type.String()),
  },
  CLOSED,
)

/** Lists of the above. */
export const lists = {
  shops: ListOf(Shop),
  products: ListOf(Product),
  shippingMethods: ListOf(ShippingMethod),
  taxRates: ListOf(TaxRate),
  keys: ListOf(Key),
}
