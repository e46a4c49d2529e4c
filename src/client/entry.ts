// The door of `cartwright/client`: what a page or a server imports by that name, and nothing besides. The one file that only passes on.
// biome-ignore lint/performance/noBarrelFile: a package has one public name, and this is the file behind it
export {
  type CartDetails,
  type CartItem,
  type CartOptions,
  type CartStore,
  type CartView,
  createCart,
  type DeviceStorage,
  type PlacedOrder,
  type RefusedChange,
} from './cart.ts'
export {
  type CallArguments,
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  type InputOf,
  type OperationName,
  type OutputOf,
} from './client.ts'
export { newIdempotencyKey } from './idempotency-key.ts'
export type { MergeMode, MergeReport } from './joining.ts'
export type {
  Address,
  Adjustment,
  Cart,
  CartAnswer,
  CartLine,
  LineInput,
  Money,
  Notice,
  Operations,
  Order,
  OrderAnswer,
  OrderLine,
  Plan,
  Product,
  Shop,
  Subscription,
  Variant,
} from './operations.ts'
export type { OrderWish, PaymentWish } from './ordering.ts'
export { type Blocker, CartwrightError, type ErrorCode, type Problem, type ProblemOf } from './problem.ts'
