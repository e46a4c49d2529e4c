// Every table, as the query builder sees it. The same columns on SQLite and PostgreSQL: texts, and integers up to 2^53 − 1 (times in
// milliseconds, amounts in minor units). Documents are JSON text. Every key begins with the shop, the unit of sharding; only `shops`,
// `instance` and `migrations` belong to all.

/** A shop; its id is its name in addresses and never changes. */
export interface ShopTable {
  id: string
  name: string
  currency: string
  preset: string
  created_at: number
}
/** What a shop changed in its settings; `version` counts changes. */
export interface SettingsTable {
  shop_id: string
  document: string
  version: number
  updated_at: number
  /** While a change of retention is being applied: the cart id behind which it goes on; else null. */
  due_from: string | null
}
/** A shop's epoch: moves when prices may move. */
export interface EpochTable {
  shop_id: string
  epoch: number
}
/** What changed with an epoch: a JSON list of skus, or null for everything. */
export interface EpochLogTable {
  shop_id: string
  epoch: number
  skus: string | null
}
/** A cart: columns for finding it, the intent, and the priced result as it is served. */
export interface CartTable {
  shop_id: string
  id: string
  owner: string
  type: string
  state: string
  version: number
  number: string
  email: string | null
  format: number
  epoch: number
  revision: number
  fresh_until: number | null
  stock_seen: string | null
  intent: string
  priced: string
  is_current: number
  activity: number
  expires_at: number | null
  due_at: number | null
  abandoned_at: number | null
  last_change: string | null
  created_at: number
}
/** What a change did to a cart: one row per version. */
export interface CartHistoryTable {
  shop_id: string
  cart_id: string
  version: number
  at: number
  entry: string
}
/** A guest's cart that was merged: kept for a day, so that the same account may repeat the merge and gets the same report. */
export interface MergeTable {
  shop_id: string
  cart_id: string
  guest_id: string
  account: string
  into_cart: string
  report: string
  created_at: number
}
/** Who changed what in the shop itself. */
export interface AuditTable {
  shop_id: string
  id: string
  at: number
  actor: string
  action: string
  subject: string
  before: string | null
  after: string | null
}
/** An e-mail address that belongs to an account, as customers are told apart by it. */
export interface AccountEmailTable {
  shop_id: string
  email: string
  account: string
  created_at: number
}
/** A guest: an owner without an account. */
export interface GuestTable {
  shop_id: string
  id: string
  created_at: number
}
/** SHA-256 of a guest's secret; one per device. */
export interface GuestSecretTable {
  shop_id: string
  guest_id: string
  hash: string
  created_at: number
  revoked_at: number | null
  /** The one cart that it reaches, or null: everything of the guest's. */
  cart_id: string | null
  /** What the device calls itself. */
  device: string | null
}
/** Server and staff keys; only the hash of the secret part is kept. */
export interface ApiKeyTable {
  shop_id: string
  id: string
  kind: string
  name: string
  scopes: string
  hash: string
  created_at: number
  revoked_at: number | null
}
/** A product: one document with everything but variants. */
export interface ProductTable {
  shop_id: string
  id: string
  handle: string
  published: number
  position: number
  document: string
  hash: string
  updated_at: number
}
/** A variant as pricing sees it. */
export interface VariantTable {
  shop_id: string
  sku: string
  product_id: string
  position: number
  document: string
  updated_at: number
}
/** A unit price, with what it depends on. */
export interface PriceTable {
  shop_id: string
  sku: string
  currency: string
  /** Order in which they were given. */
  position: number
  amount: number
  list_amount: number | null
  quantity_from: number | null
  customer_group: string | null
  starts_at: number | null
  ends_at: number | null
}
/** How many pieces there are of a tracked sku. */
export interface StockTable {
  shop_id: string
  sku: string
  on_hand: number
  policy: string
  updated_at: number
}
/**
 * Pieces that are held. For an unpaid order `holder` is its cart, or the order where there is no cart; for a cart itself it is the cart with a sign (see
 * `cartHolder`), and `order_id` is empty.
 */
export interface ReservationTable {
  shop_id: string
  sku: string
  holder: string
  order_id: string
  quantity: number
  expires_at: number
  /** Whose they are, as in carts. */
  owner: string
}
/** A promotion; `uses` counts reserved and confirmed redemptions. */
export interface PromotionTable {
  shop_id: string
  id: string
  document: string
  uses: number
  /** What it took off all orders together: JSON, minor units by currency. */
  spent: string
  updated_at: number
}
/** What a shopper types; `uses` as above, for this code alone. */
export interface PromotionCodeTable {
  shop_id: string
  code: string
  promotion_id: string
  uses_max: number | null
  uses: number
  /** The call that made it together with others. */
  batch: string | null
  active: number
}
/** One use of a promotion by an order. */
export interface RedemptionTable {
  shop_id: string
  order_id: string
  promotion_id: string
  code: string | null
  state: string
  created_at: number
  /** Who used it: the account, and the normalised e-mail address. Null where their uses were given back by staff. */
  account: string | null
  email: string | null
  /** What it took off, in minor units >= 0. */
  amount: number
  currency: string | null
}
/** An order: columns for finding and guarding it, and the document as it is served. */
export interface OrderTable {
  shop_id: string
  id: string
  cart_id: string | null
  whole: number
  state: string
  /** The merchant's word for where it is. */
  status: string
  payment_state: string
  fulfilment_state: string
  owner: string
  email: string | null
  /** The address as customers are told apart by it. */
  customer_email: string | null
  number: string | null
  reference: string | null
  content_hash: string
  document: string
  ordered_lines: string
  currency: string
  total: number
  version: number
  placed_at: number | null
  created_at: number
  expires_at: number | null
  held_until: number | null
  expected_total: number
  /** What of the total is not owed any more; follows from the document. */
  cancelled: number
  /** 1: staff cancelled it and kept the money. */
  money_kept: number
  /** What tokens of the order must carry; raised to revoke all earlier ones. */
  token_generation: number
}
/** Pieces of an order that go together, with what tells where they are as JSON. */
export interface FulfilmentTable {
  shop_id: string
  id: string
  order_id: string
  state: string
  document: string
  created_at: number
  updated_at: number
}
/** What happened to an order: who did what, and how the order stood then, as JSON. Ids rise with time. */
export interface OrderHistoryTable {
  shop_id: string
  order_id: string
  id: string
  version: number
  at: number
  actor: string
  entry: string
}
/** An order as it was before an edit made `revision` of it; `entry` says what the edit did, as JSON. */
export interface OrderRevisionTable {
  shop_id: string
  order_id: string
  revision: number
  at: number
  actor: string
  entry: string
  document: string
}
/** What an outside engine answered last for a cart, with the question. */
export interface QuoteTable {
  shop_id: string
  cart_id: string
  kind: string
  request: string
  answer: string
  created_at: number
}
/** A number that rises by one. */
export interface SequenceTable {
  shop_id: string
  name: string
  value: number
}
/** A payment attempt. */
export interface PaymentTable {
  shop_id: string
  id: string
  order_id: string
  provider: string
  state: string
  amount: number
  /** What was taken of it, in minor units. */
  captured: number
  currency: string
  session_id: string | null
  token: string | null
  url: string | null
  return_url: string | null
  reason: string | null
  version: number
  created_at: number
  updated_at: number
  checked_at: number
  leased_until: number
  /** From where it was begun, as a keyed hash; null where nobody knows. */
  origin: string | null
  /** How it is paid, where its provider has several ways, and what the customer was told to do then. */
  method: string | null
  instructions: string | null
  /** The bank's words, or whoever's, by which money that came by hand is found again. */
  reference: string | null
  paid_at: number | null
  /** `automatic`: taken when the shopper pays; `manual`: reserved then. */
  capture: string
}
/** What is to be done with a payment at its provider; at most one is PENDING. */
export interface PaymentActionTable {
  shop_id: string
  id: string
  payment_id: string
  order_id: string
  /** `capture` or `void`. */
  kind: string
  /** What is to be taken, in minor units; of a `void` what is set free. */
  amount: number
  currency: string
  state: string
  /** Why it failed. */
  reason: string | null
  created_at: number
  due_at: number
  attempts: number
}
/** A shop's account at a provider, sealed; the hint tells nothing that opens it. */
export interface ProviderAccountTable {
  shop_id: string
  provider: string
  sealed: string
  hint: string
  updated_at: number
}
/** How often something was tried by a subject (a keyed hash); it counts until `expires_at`. */
export interface AttemptTable {
  shop_id: string
  kind: string
  subject: string
  count: number
  expires_at: number
}
/** Money that goes back. */
export interface RefundTable {
  shop_id: string
  id: string
  payment_id: string
  order_id: string
  amount: number
  currency: string
  state: string
  reason: string
  created_at: number
  due_at: number
  attempts: number
  /** Refunds that were asked for together have the same; the first of them has the content. */
  group_id: string
  /** Who asked for it, as histories name it. */
  actor: string
  /** JSON: which pieces of which lines, and how much of shipping. */
  content: string
  /** Why it failed, as a code; null while it did not. */
  failure: string | null
}
/** What a provider sent, stored before anything else is done with it. */
export interface ProviderEventTable {
  shop_id: string
  provider: string
  event_id: string
  document: string
  received_at: number
  applied_at: number | null
  due_at: number
  attempts: number
  outcome: string | null
}
/** An address that wants events; the secret is kept as it signs with it. */
export interface EndpointTable {
  shop_id: string
  id: string
  url: string
  types: string
  secret: string
  active: number
  created_at: number
  description: string | null
  updated_at: number
  previous_secret: string | null
  previous_until: number | null
  paused_at: number | null
  stopped_reason: string | null
  failures: number
  failing_since: number | null
  last_success_at: number | null
  last_failure_at: number | null
  held_until: number
}
/** The outbox: one row per event and endpoint, delivered in order per subject. */
export interface DeliveryTable {
  shop_id: string
  id: string
  endpoint_id: string
  event_id: string
  type: string
  subject: string
  data: string
  state: string
  attempts: number
  due_at: number
  leased_until: number
  created_at: number
  delivered_at: number | null
  last_status: number | null
  last_error: string | null
  occurred_at: number
}
/** What one attempt to deliver came to: kept as long as its delivery. */
export interface DeliveryAttemptTable {
  shop_id: string
  delivery_id: string
  attempt: number
  at: number
  duration_ms: number
  status: number | null
  answer: string | null
  error: string | null
}
/** An e-mail to a customer: what is to be sent, and what became of it. Its text is made when it is sent and not kept. */
export interface EmailTable {
  shop_id: string
  id: string
  order_id: string | null
  cart_id: string | null
  kind: string
  /** The new status that is told; empty for other kinds. */
  status: string
  recipient: string
  /** The language that was asked for; null until it was sent: the order's or the shop's own. */
  language: string | null
  subject: string | null
  state: string
  attempts: number
  due_at: number
  leased_until: number
  /** Why it was not sent, or what was wrong although it was. */
  error: string | null
  message_id: string | null
  /** What else the change told, as JSON. */
  data: string
  actor: string
  created_at: number
  sent_at: number | null
}
/** A shop's own text for a kind of e-mail; `status` is empty where it is for every status. */
export interface EmailTemplateTable {
  shop_id: string
  kind: string
  status: string
  language: string
  subject: string
  html: string
  /** The text part. */
  body: string
  updated_at: number
}
/** What a write with an Idempotency-Key did: hashes and the outcome, never the body. */
export interface IdempotencyTable {
  shop_id: string
  key: string
  request_hash: string
  outcome: string
  sealed: string | null
  created_at: number
}
/** Things of the whole installation: the signing secret, the hash of the admin key. */
export interface InstanceTable {
  name: string
  value: string
}
/** Sessions of the sandbox payment provider, which plays a system of its own. */
export interface SandboxSessionTable {
  shop_id: string
  id: string
  attempt_id: string
  document: string
  version: number
  event_due_at: number | null
}
/** What an account has, in one currency: the sum of its entries. */
export interface BalanceTable {
  shop_id: string
  account: string
  currency: string
  amount: number
  version: number
  updated_at: number
}
/** One movement of a balance; `amount` is signed. `cause` names what it was for: it is unique. */
export interface BalanceEntryTable {
  shop_id: string
  id: string
  account: string
  currency: string
  kind: string
  amount: number
  balance_after: number
  cause: string
  order_id: string | null
  line_id: string | null
  payment_id: string | null
  refund_id: string | null
  actor: string
  message: string | null
  at: number
}

/** A subscription: columns for finding it, what it takes that may be had once (`slot`), and its document. */
export interface SubscriptionTable {
  shop_id: string
  id: string
  account: string
  state: string
  begun: number
  slot: string | null
  due_at: number | null
  leased_until: number
  version: number
  document: string
  created_at: number
}
/** Which order a period of a subscription has, and which invoice of the provider paid it. */
export interface SubscriptionOrderTable {
  shop_id: string
  subscription_id: string
  period: number
  order_id: string
  invoice: string | null
}

/** All tables by name. */
export interface Tables {
  shops: ShopTable
  settings: SettingsTable
  epochs: EpochTable
  epoch_log: EpochLogTable
  carts: CartTable
  cart_history: CartHistoryTable
  merges: MergeTable
  audit: AuditTable
  account_emails: AccountEmailTable
  guests: GuestTable
  guest_secrets: GuestSecretTable
  api_keys: ApiKeyTable
  products: ProductTable
  variants: VariantTable
  prices: PriceTable
  stock: StockTable
  reservations: ReservationTable
  promotions: PromotionTable
  promotion_codes: PromotionCodeTable
  redemptions: RedemptionTable
  orders: OrderTable
  order_history: OrderHistoryTable
  fulfilments: FulfilmentTable
  order_revisions: OrderRevisionTable
  subscriptions: SubscriptionTable
  subscription_orders: SubscriptionOrderTable
  quotes: QuoteTable
  sequences: SequenceTable
  payments: PaymentTable
  payment_actions: PaymentActionTable
  provider_accounts: ProviderAccountTable
  refunds: RefundTable
  balances: BalanceTable
  balance_entries: BalanceEntryTable
  provider_events: ProviderEventTable
  endpoints: EndpointTable
  deliveries: DeliveryTable
  emails: EmailTable
  email_templates: EmailTemplateTable
  delivery_attempts: DeliveryAttemptTable
  idempotency: IdempotencyTable
  instance: InstanceTable
  sandbox_sessions: SandboxSessionTable
  attempts: AttemptTable
}
