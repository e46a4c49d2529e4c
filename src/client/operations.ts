// What every operation of the API takes and answers, made from the OpenAPI description of the server. Not written by hand: change the contract,
// then run `UPDATE_CLIENT=1 node test/setup.ts test/client-types.test.ts`.

/**
 * One amount per currency; in a currency that is missing it does not hold or apply
 *
 * @minItems 1
 * @maxItems 200
 */
export type Amounts = {
  /**
   * ISO 4217 code
   */
  currency: string
  /**
   * Integer minor units of the currency (1999 is 19.99 USD)
   */
  amount: number
}[]
/**
 * Condition, as it is sent.
 */
export type Condition =
  | {
      kind: 'code'
    }
  | {
      kind: 'item_total'
      atLeast?: Amounts
      atMost?: Amounts
      of?: Targets
    }
  | {
      kind: 'quantity'
      atLeast?: number
      atMost?: number
      of?: Targets
    }
  | {
      kind: 'lines'
      of: Targets
      every?: boolean
    }
  | {
      kind: 'customer_group'
      /**
       * @minItems 1
       * @maxItems 200
       */
      groups: string[]
    }
  | {
      kind: 'account'
      is: 'account' | 'guest'
      /**
       * @minItems 1
       * @maxItems 200
       */
      ids?: string[]
    }
  | {
      kind: 'first_order'
    }
  | {
      kind: 'country'
      /**
       * @minItems 1
       * @maxItems 200
       */
      countries: string[]
    }
  | {
      kind: 'currency'
      /**
       * @minItems 1
       * @maxItems 200
       */
      currencies: string[]
    }
  | {
      kind: 'dates'
      from?: string
      until?: string
    }
  | {
      kind: 'hours'
      /**
       * IANA name: "Europe/Berlin"
       */
      timeZone: string
      /**
       * @minItems 1
       * @maxItems 7
       */
      weekdays?: number[]
      /**
       * HH:MM, whole quarter hours
       */
      from?: string
      /**
       * HH:MM, not included; before `from` it is the next day
       */
      until?: string
    }
  | {
      kind: 'without'
      /**
       * @minItems 1
       * @maxItems 200
       */
      promotions: string[]
    }
  | {
      kind: 'all' | 'any' | 'none'
      /**
       * @minItems 1
       * @maxItems 20
       */
      conditions: InnerCondition[]
    }
/**
 * InnerCondition, as it is sent.
 */
export type InnerCondition =
  | {
      kind: 'code'
    }
  | {
      kind: 'item_total'
      atLeast?: Amounts
      atMost?: Amounts
      of?: Targets
    }
  | {
      kind: 'quantity'
      atLeast?: number
      atMost?: number
      of?: Targets
    }
  | {
      kind: 'lines'
      of: Targets
      every?: boolean
    }
  | {
      kind: 'customer_group'
      /**
       * @minItems 1
       * @maxItems 200
       */
      groups: string[]
    }
  | {
      kind: 'account'
      is: 'account' | 'guest'
      /**
       * @minItems 1
       * @maxItems 200
       */
      ids?: string[]
    }
  | {
      kind: 'first_order'
    }
  | {
      kind: 'country'
      /**
       * @minItems 1
       * @maxItems 200
       */
      countries: string[]
    }
  | {
      kind: 'currency'
      /**
       * @minItems 1
       * @maxItems 200
       */
      currencies: string[]
    }
  | {
      kind: 'dates'
      from?: string
      until?: string
    }
  | {
      kind: 'hours'
      /**
       * IANA name: "Europe/Berlin"
       */
      timeZone: string
      /**
       * @minItems 1
       * @maxItems 7
       */
      weekdays?: number[]
      /**
       * HH:MM, whole quarter hours
       */
      from?: string
      /**
       * HH:MM, not included; before `from` it is the next day
       */
      until?: string
    }
  | {
      kind: 'without'
      /**
       * @minItems 1
       * @maxItems 200
       */
      promotions: string[]
    }
  | {
      kind: 'all' | 'any' | 'none'
      /**
       * @minItems 1
       * @maxItems 20
       */
      conditions: (
        | {
            kind: 'code'
          }
        | {
            kind: 'item_total'
            atLeast?: Amounts
            atMost?: Amounts
            of?: Targets
          }
        | {
            kind: 'quantity'
            atLeast?: number
            atMost?: number
            of?: Targets
          }
        | {
            kind: 'lines'
            of: Targets
            every?: boolean
          }
        | {
            kind: 'customer_group'
            /**
             * @minItems 1
             * @maxItems 200
             */
            groups: string[]
          }
        | {
            kind: 'account'
            is: 'account' | 'guest'
            /**
             * @minItems 1
             * @maxItems 200
             */
            ids?: string[]
          }
        | {
            kind: 'first_order'
          }
        | {
            kind: 'country'
            /**
             * @minItems 1
             * @maxItems 200
             */
            countries: string[]
          }
        | {
            kind: 'currency'
            /**
             * @minItems 1
             * @maxItems 200
             */
            currencies: string[]
          }
        | {
            kind: 'dates'
            from?: string
            until?: string
          }
        | {
            kind: 'hours'
            /**
             * IANA name: "Europe/Berlin"
             */
            timeZone: string
            /**
             * @minItems 1
             * @maxItems 7
             */
            weekdays?: number[]
            /**
             * HH:MM, whole quarter hours
             */
            from?: string
            /**
             * HH:MM, not included; before `from` it is the next day
             */
            until?: string
          }
        | {
            kind: 'without'
            /**
             * @minItems 1
             * @maxItems 200
             */
            promotions: string[]
          }
        | {
            kind: 'all' | 'any' | 'none'
            /**
             * @minItems 1
             * @maxItems 20
             */
            conditions: (
              | {
                  kind: 'code'
                }
              | {
                  kind: 'item_total'
                  atLeast?: Amounts
                  atMost?: Amounts
                  of?: Targets
                }
              | {
                  kind: 'quantity'
                  atLeast?: number
                  atMost?: number
                  of?: Targets
                }
              | {
                  kind: 'lines'
                  of: Targets
                  every?: boolean
                }
              | {
                  kind: 'customer_group'
                  /**
                   * @minItems 1
                   * @maxItems 200
                   */
                  groups: string[]
                }
              | {
                  kind: 'account'
                  is: 'account' | 'guest'
                  /**
                   * @minItems 1
                   * @maxItems 200
                   */
                  ids?: string[]
                }
              | {
                  kind: 'first_order'
                }
              | {
                  kind: 'country'
                  /**
                   * @minItems 1
                   * @maxItems 200
                   */
                  countries: string[]
                }
              | {
                  kind: 'currency'
                  /**
                   * @minItems 1
                   * @maxItems 200
                   */
                  currencies: string[]
                }
              | {
                  kind: 'dates'
                  from?: string
                  until?: string
                }
              | {
                  kind: 'hours'
                  /**
                   * IANA name: "Europe/Berlin"
                   */
                  timeZone: string
                  /**
                   * @minItems 1
                   * @maxItems 7
                   */
                  weekdays?: number[]
                  /**
                   * HH:MM, whole quarter hours
                   */
                  from?: string
                  /**
                   * HH:MM, not included; before `from` it is the next day
                   */
                  until?: string
                }
              | {
                  kind: 'without'
                  /**
                   * @minItems 1
                   * @maxItems 200
                   */
                  promotions: string[]
                }
            )[]
          }
      )[]
    }
/**
 * Benefit, as it is sent.
 */
export type Benefit =
  | {
      kind: 'percent_off'
      /**
       * A decimal string: "19", "7.7"
       */
      percent: string
      on?: 'order' | 'lines' | 'shipping'
      of?: Targets
    }
  | {
      kind: 'amount_off'
      amounts: Amounts
      on?: 'order' | 'lines' | 'units' | 'shipping'
      of?: Targets
      maxUnits?: number
    }
  | {
      kind: 'fixed_price'
      prices: Amounts
      of?: Targets
      maxUnits?: number
    }
  | {
      kind: 'free_shipping'
      /**
       * @minItems 1
       * @maxItems 200
       */
      methods?: string[]
    }
  | {
      kind: 'buy_get'
      buy: {
        quantity: number
        of?: Targets
      }
      get: {
        quantity: number
        of?: Targets
        /**
         * A decimal string: "19", "7.7"
         */
        percent: string
      }
      max?: number
    }
  | {
      kind: 'bundle_price'
      /**
       * @minItems 1
       * @maxItems 20
       */
      items: {
        quantity: number
        of?: Targets
      }[]
      prices: Amounts
      max?: number
    }
  | {
      kind: 'gift'
      sku: string
      quantity: number
    }
  | {
      kind: 'tiered_percent'
      by: 'quantity' | 'item_total'
      /**
       * @minItems 1
       * @maxItems 50
       */
      tiers: {
        from: number | Amounts
        /**
         * A decimal string: "19", "7.7"
         */
        percent: string
      }[]
      of?: Targets
    }

/**
 * Every operation: the parameters of its path, its query, its body, and what it answers.
 */
export interface Operations {
  /**
   * All shops
   */
  'GET /v1/shops': {
    params: Record<never, never>
    query: Record<never, never>
    body: never
    response: {
      items: Shop[]
      next: string | null
    }
  }
  /**
   * Make a shop
   */
  'POST /v1/shops': {
    params: Record<never, never>
    query: Record<never, never>
    body: {
      /**
       * Lower-case letters, digits and hyphens; never changes
       */
      id: string
      name: string
      /**
       * ISO 4217 code
       */
      currency: string
      preset?: 'default' | 'store' | 'fill' | 'reconcile' | 'service' | 'classic'
    }
    response: Shop
  }
  /**
   * The shop
   */
  'GET /v1/shops/{shop}': {
    params: {
      /**
       * Lower-case letters, digits and hyphens; never changes
       */
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: Shop
  }
  /**
   * Change the name; id, currency and preset stay for ever
   */
  'PATCH /v1/shops/{shop}': {
    params: {
      /**
       * Lower-case letters, digits and hyphens; never changes
       */
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      name: string
    }
    response: Shop
  }
  /**
   * All settings
   */
  'GET /v1/shops/{shop}/settings': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: Record<string, never>
  }
  /**
   * Change settings; what is not named stays
   */
  'PATCH /v1/shops/{shop}/settings': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      access?: {
        guestCarts?: boolean
        /**
         * @maxItems 200
         */
        origins?: string[]
        /**
         * @maxItems 10
         */
        issuers?: {
          name: string
          iss: string
          aud: string
          /**
           * @minItems 1
           */
          algorithms: (
            | 'HS256'
            | 'HS384'
            | 'HS512'
            | 'RS256'
            | 'RS384'
            | 'RS512'
            | 'PS256'
            | 'PS384'
            | 'PS512'
            | 'ES256'
            | 'ES384'
            | 'ES512'
            | 'EdDSA'
          )[]
          jwksUrl?: string
          secret?: string
          emailClaim?: string
          emailVerifiedClaim?: string
          groupsClaim?: string
        }[]
      }
      cart?: {
        /**
         * @minItems 1
         * @maxItems 10
         */
        types?: string[]
        multiple?: boolean
        onOrdered?: 'close' | 'delete'
        onMerged?: 'close' | 'delete'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        activeDuration?: string
      }
      lines?: {
        max?: number
        whenFull?: 'refuse' | 'replace'
        quantityMax?: number
        quantityEditing?: 'editable' | 'system'
        allowKinds?: ('goods' | 'digital' | 'recharge' | 'subscription' | 'bundle')[]
        noteOnRepeat?: 'replace' | 'append' | 'keep'
        order?: 'oldest' | 'newest'
        onUnavailable?: 'flag' | 'remove'
      }
      attributes?: {
        cart?: {
          [k: string]: unknown
        } | null
        line?: {
          [k: string]: unknown
        } | null
        order?: {
          [k: string]: unknown
        } | null
      }
      currency?: {
        /**
         * @minItems 1
         */
        source?: ('explicit' | 'country' | 'shop' | 'product')[]
        byCountry?: {
          /**
           * ISO 4217 code
           */
          [k: string]: string
        }
        onMissingPrice?: 'block' | 'flag'
      }
      inventory?: {
        onAdd?: 'clamp' | 'reject' | 'allow'
        reserve?: 'cart' | 'checkout' | 'none'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        holdTtl?: string
        holdMaxPerOwner?: number | null
      }
      promotions?: {
        maxCodes?: number
        caseSensitive?: boolean
        onInvalid?: 'keep' | 'remove'
        percentBase?: 'original' | 'running'
        /**
         * @maxItems 101
         */
        bestOfLanes?: number[]
        publicReasons?: 'neutral' | 'detailed'
      }
      pricing?: {
        onIncrease?: 'confirm' | 'accept' | 'hold'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        holdFor?: string
        requireExpected?: boolean
        rounding?: 'halfUp' | 'halfEven' | 'halfDown'
      }
      tax?: {
        /**
         * @maxItems 1000
         */
        rates?: TaxRate[]
        shippingCategory?: string | null
        defaultCountry?: string | null
        provider?: string | null
        onProviderFailure?: 'block' | 'last' | 'fallback'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        providerDeadline?: string
        basedOn?: 'shipping' | 'billing'
        roundingLevel?: 'unit' | 'line' | 'order'
        /**
         * @maxItems 100
         */
        exemptGroups?: string[]
        exemptPrices?: 'net' | 'gross'
        reverseCharge?: {
          /**
           * ISO 3166-1 alpha-2
           */
          home: string
          /**
           * @minItems 1
           * @maxItems 250
           */
          countries: string[]
          require: 'format' | 'checked'
        } | null
      }
      shipping?: {
        /**
         * @maxItems 100
         */
        methods?: ShippingMethod[]
        whenNotChosen?: 'none' | 'cheapest'
        provider?: string | null
        onProviderFailure?: 'block' | 'last' | 'fallback'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        providerDeadline?: string
      }
      totals?: {
        floor?: 'zero' | 'shipping'
      }
      notices?: {
        /**
         * @maxItems 50
         */
        requireAck?: string[]
      }
      merge?: {
        quantity?: 'sum' | 'max' | 'guest' | 'account'
        overLimit?: 'clamp' | 'reject'
        attributes?: 'guestWins' | 'accountWins'
        currencyConflict?: 'reject' | 'reprice'
        unifyRefKinds?: false
        staffSameOwner?: boolean
      }
      reconcile?: {
        onLogin?: 'merge' | 'keepAccount' | 'keepGuest' | 'adopt' | 'restorePrevious'
        duringCheckout?: 'merge' | 'keepAccount' | 'keepGuest'
        keepReplaced?: boolean
      }
      restore?: {
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        tokenTtl?: string
      }
      links?: {
        loadCartRedirectUrl?: string | null
        /**
         * @maxItems 50
         */
        redirectOrigins?: string[]
        planPageUrl?: string
        orderUrl?: string | null
        cartUrl?: string | null
      }
      checkout?: {
        guest?: boolean
        guestEmailOfAccount?: 'allow' | 'requireLogin'
        requireEmail?: boolean
        requireShippingAddress?: boolean
        requireBillingAddress?: boolean
        requireShippingMethod?: boolean
        allowEmpty?: boolean
        unavailable?: 'block' | 'drop'
        freeOrder?: 'complete' | 'process'
        withoutPayment?: boolean
        partialPayment?: false
        split?: 'none'
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        unpaidTtl?: string
        removeBoughtLines?: boolean
        freeze?: 'off' | 'whilePaying'
      }
      retention?: {
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        anonymous?: string
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        account?: string
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        empty?: string
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        drafts?: string
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        closed?: string
        touchOnRead?: false
      }
      abandoned?: {
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        after?: string
      }
      history?: {
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        keep?: string
      }
      orders?: {
        referenceTemplate?: string
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        tokenTtl?: string
        customerCancel?: 'untilConfirmed' | 'never'
        statuses?: {
          initial: string
          /**
           * @minItems 1
           * @maxItems 50
           */
          list: {
            id: string
            name: string
            color?: string
            confirms?: boolean
            state?: 'COMPLETED' | 'CANCELLED'
          }[]
          transitions:
            | 'any'
            | {
                from: string
                to: string
                /**
                 * @minItems 1
                 * @maxItems 3
                 */
                roles: ('customer' | 'staff' | 'system')[]
                /**
                 * @minItems 1
                 * @maxItems 3
                 */
                requires?: ('shipment' | 'payment' | 'message')[]
              }[]
          on: {
            cancelled: string
            completed?: string
            fulfilled?: string
          }
        }
        complete?: 'whenPaidAndFulfilled' | 'manually'
        fulfilUnshipped?: 'whenPaid' | 'manually'
        claim?: 'request' | 'off'
      }
      balance?: {
        creditRecharges?: boolean
        allowNegative?: boolean
      }
      payment?: {
        /**
         * @maxItems 20
         */
        providers?: string[]
        capture?: 'automatic' | 'manual'
        /**
         * @maxItems 20
         */
        manualMethods?: {
          id: string
          name: string
          /**
           * What the customer is told to do, as plain text
           */
          instructions: string
        }[]
        maxPayments?: 1
        presentmentCurrency?: 'off'
      }
      subscriptions?: {
        /**
         * @maxItems 20
         */
        retryAfter?: string[]
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        grace?: string
      }
      email?: {
        from?: {
          name: string
          address: string
        } | null
        replyTo?: string | null
        /**
         * @maxItems 5
         */
        cc?: string[]
        /**
         * @maxItems 5
         */
        bcc?: string[]
        /**
         * @maxItems 8
         */
        kinds?: (
          | 'order_confirmation'
          | 'payment_received'
          | 'order_status'
          | 'order_shipped'
          | 'order_cancelled'
          | 'order_refunded'
          | 'cart_abandoned'
          | 'order_link'
        )[]
        /**
         * @maxItems 100
         */
        statuses?: string[]
        /**
         * @minItems 1
         * @maxItems 20
         */
        languages?: string[]
        /**
         * ISO 8601 duration of weeks, days, hours, minutes, seconds; or "never"
         */
        keepLog?: string
      }
      limits?: {
        tokens?: {
          address: number
          shop: number
        }
        codes?: {
          address: number
          owner: number
          cart: number
          shop: number
        }
        links?: {
          cart: number
        }
        orders?: {
          address: number
          owner: number
        }
        payments?: {
          address: number
          owner: number
          cart: number
        }
        declines?: {
          address: number
          owner: number
          email: number
          cart: number
          shop: number
        }
        lookups?: {
          address: number
          email: number
        }
        trials?: {
          owner: number
        }
      }
    }
    response: Record<string, never>
  }
  /**
   * Server and staff keys
   */
  'GET /v1/shops/{shop}/api-keys': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        kind: string
        name: string
        scopes: string[]
        createdAt: string
        revokedAt: string | null
      }[]
      next: string | null
    }
  }
  /**
   * Make a key; its token is shown once
   */
  'POST /v1/shops/{shop}/api-keys': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      kind?: 'server' | 'staff'
      name: string
      /**
       * @minItems 1
       */
      scopes: (
        | '*'
        | 'carts:read'
        | 'carts:write'
        | 'carts:custom_prices'
        | 'orders:read'
        | 'orders:write'
        | 'orders:edit'
        | 'payments:write'
        | 'refunds:write'
        | 'subscriptions:read'
        | 'subscriptions:write'
        | 'balances:read'
        | 'balances:write'
        | 'emails:write'
        | 'products:read'
        | 'products:write'
        | 'promotions:read'
        | 'promotions:write'
        | 'promotions:preview'
        | 'settings:read'
        | 'settings:write'
        | 'keys:write'
        | 'webhooks:write'
        | 'stock:write'
      )[]
    }
    response: {
      id: string
      token: string
    }
  }
  /**
   * Revoke a key
   */
  'DELETE /v1/shops/{shop}/api-keys/{key}': {
    params: {
      shop: string
      key: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Create a cart; who has one gets it back
   */
  'POST /v1/shops/{shop}/carts': {
    params: {
      shop: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      type?: string
      /**
       * ISO 4217 code
       */
      currency?: string
      attributes?: {
        [k: string]: string | number | boolean | null
      }
      /**
       * @minItems 1
       * @maxItems 200
       */
      lines?: LineInput[]
      owner?: string
      email?: string
      /**
       * An order that staff prepares: a cart that only keys reach, until it is ordered (needs orders:edit)
       */
      draft?: boolean
      /**
       * Another cart although there is one; it becomes the current one (needs cart.multiple)
       */
      new?: boolean
    }
    response: CartAnswer
  }
  /**
   * List carts
   */
  'GET /v1/shops/{shop}/carts': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      state?: 'OPEN' | 'CLOSED'
      number?: string
      email?: string
      account?: string
      view?: 'active' | 'inactive' | 'abandoned' | 'drafts'
    }
    body: never
    response: {
      items: Cart[]
      next: string | null
    }
  }
  /**
   * The priced cart
   */
  'GET /v1/shops/{shop}/carts/{cart}': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: Cart
  }
  /**
   * Delete the cart
   */
  'DELETE /v1/shops/{shop}/carts/{cart}': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * E-mail, addresses, shipping method, VAT id, attributes, note, currency
   */
  'PATCH /v1/shops/{shop}/carts/{cart}': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      email?: string | null
      shippingAddress?: Address | null
      billingAddress?: Address | null
      billingSameAsShipping?: boolean
      shippingSameAsBilling?: boolean
      shippingMethod?: string | null
      attributes?: {
        [k: string]: string | number | boolean | null
      }
      note?: string | null
      /**
       * ISO 4217 code
       */
      currency?: string
      /**
       * Keys with carts:custom_prices only: the groups of its customer
       *
       * @maxItems 20
       */
      customerGroups?: string[]
      /**
       * Keys only: how long this cart is kept after its last write (ISO 8601 duration, or never); null is what the shop says
       */
      retention?: string | null
      vatId?: string | null
      /**
       * Keys with carts:custom_prices only: the number was checked; another number is not checked any more
       */
      vatIdChecked?: boolean
      /**
       * Keys with carts:custom_prices only: this buyer owes no tax
       */
      taxExempt?: boolean
    }
    response: CartAnswer
  }
  /**
   * Add one line or several
   */
  'POST /v1/shops/{shop}/carts/{cart}/lines': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body:
      | LineInput
      | {
          /**
           * @minItems 1
           * @maxItems 200
           */
          lines: LineInput[]
          atomic?: boolean
          /**
           * ISO 4217 code
           */
          currency?: string
        }
    response: CartAnswer
  }
  /**
   * Fill: named lines get exactly this quantity
   */
  'PUT /v1/shops/{shop}/carts/{cart}/lines': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      /**
       * @minItems 0
       * @maxItems 200
       */
      lines: LineInput[]
      mode?: 'upsert' | 'replace'
      atomic?: boolean
      /**
       * ISO 4217 code
       */
      currency?: string
    }
    response: CartAnswer
  }
  /**
   * Remove all lines
   */
  'DELETE /v1/shops/{shop}/carts/{cart}/lines': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Set quantity (0 removes), options, note
   */
  'PATCH /v1/shops/{shop}/carts/{cart}/lines/{line}': {
    params: {
      shop: string
      cart: string
      line: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      quantity?: number
      options?: {
        [k: string]: string | number | boolean
      }
      note?: string | null
      attributes?: {
        [k: string]: string | number | boolean | null
      }
    }
    response: CartAnswer
  }
  /**
   * Remove a line
   */
  'DELETE /v1/shops/{shop}/carts/{cart}/lines/{line}': {
    params: {
      shop: string
      cart: string
      line: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Set a line aside
   */
  'POST /v1/shops/{shop}/carts/{cart}/lines/{line}/save': {
    params: {
      shop: string
      cart: string
      line: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Lines that were set aside
   */
  'GET /v1/shops/{shop}/carts/{cart}/saved-lines': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        sku: string | null
        name: string
        quantity: number
        options: {
          [k: string]: string | number | boolean
        }
        note: string | null
      }[]
      next: null
    }
  }
  /**
   * Bring a saved line back
   */
  'POST /v1/shops/{shop}/carts/{cart}/saved-lines/{line}/restore': {
    params: {
      shop: string
      cart: string
      line: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Apply a promotion code
   */
  'POST /v1/shops/{shop}/carts/{cart}/codes': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      code: string
    }
    response: CartAnswer
  }
  /**
   * Remove a promotion code
   */
  'DELETE /v1/shops/{shop}/carts/{cart}/codes/{code}': {
    params: {
      shop: string
      cart: string
      code: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Several commands, all or nothing
   */
  'POST /v1/shops/{shop}/carts/{cart}/commands': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      /**
       * @minItems 1
       * @maxItems 50
       */
      commands: (
        | {
            add: {
              /**
               * @minItems 1
               * @maxItems 200
               */
              lines: LineInput[]
            }
          }
        | {
            set: {
              lineId: string
              quantity?: number
              options?: {
                [k: string]: string | number | boolean
              }
              note?: string | null
              attributes?: {
                [k: string]: string | number | boolean | null
              }
            }
          }
        | {
            remove: {
              lineId: string
            }
          }
        | {
            clear: Record<string, never>
          }
        | {
            applyCode: {
              code: string
            }
          }
        | {
            removeCode: {
              code: string
            }
          }
        | {
            change: {
              email?: string | null
              shippingAddress?: Address | null
              billingAddress?: Address | null
              billingSameAsShipping?: boolean
              shippingSameAsBilling?: boolean
              shippingMethod?: string | null
              attributes?: {
                [k: string]: string | number | boolean | null
              }
              note?: string | null
              /**
               * ISO 4217 code
               */
              currency?: string
              /**
               * Keys with carts:custom_prices only: the groups of its customer
               *
               * @maxItems 20
               */
              customerGroups?: string[]
              /**
               * Keys only: how long this cart is kept after its last write (ISO 8601 duration, or never); null is what the shop says
               */
              retention?: string | null
              vatId?: string | null
              /**
               * Keys with carts:custom_prices only: the number was checked; another number is not checked any more
               */
              vatIdChecked?: boolean
              /**
               * Keys with carts:custom_prices only: this buyer owes no tax
               */
              taxExempt?: boolean
            }
          }
      )[]
    }
    response: CartAnswer
  }
  /**
   * Mark notices as seen
   */
  'POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      ids: string[] | 'all'
    }
    response: CartAnswer
  }
  /**
   * Shipping methods that can be chosen; with a country, as an estimate for going there, which changes nothing
   */
  'GET /v1/shops/{shop}/carts/{cart}/shipping-methods': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
      /**
       * ISO 3166-1 alpha-2
       */
      country?: string
      region?: string
      postalCode?: string
    }
    body: never
    response: {
      items: {
        id: string
        name: string
        price: Money
        selected: boolean
      }[]
      next: null
    }
  }
  /**
   * Payment methods that can be chosen; none is needed when there is nothing to pay
   */
  'GET /v1/shops/{shop}/carts/{cart}/payment-methods': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: {
      items: {
        /**
         * Provider and method in one
         */
        id: string
        name: string
        provider: string
        method: string | null
        default: boolean
        /**
         * Of a balance: what it holds
         */
        available?: {
          amount: number
          currency: string
        }
      }[]
      next: null
    }
  }
  /**
   * Everything that stands between the cart and an order
   */
  'GET /v1/shops/{shop}/carts/{cart}/validation': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: {
      valid: boolean
      problems: {
        code: string
        path?: string
        /**
         * The same in words, in the language of Accept-Language (en, de)
         */
        message: string
        [k: string]: unknown
      }[]
    }
  }
  /**
   * Merge guest carts into the account's cart, or choose between them
   */
  'POST /v1/shops/{shop}/carts/{cart}/merge': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      /**
       * @maxItems 20
       */
      carts: {
        id: string
        token?: string
      }[]
      mode?: 'merge' | 'keepAccount' | 'keepGuest' | 'adopt' | 'restorePrevious'
    }
    response: CartAnswer
  }
  /**
   * What happened to the cart, newest first
   */
  'GET /v1/shops/{shop}/carts/{cart}/history': {
    params: {
      shop: string
      cart: string
    }
    query: {
      limit?: number
      after?: string
      type?: string
      account?: string
    }
    body: never
    response: {
      items: {
        /**
         * The version that the change made
         */
        version: number
        at: string
        /**
         * guest, account, system, or a key: its kind, and for keys its id
         */
        actor: string
        /**
         * Commands that came at the same moment are one change: all of them, with commas
         */
        command: string
        changes: {
          /**
           * Lines by their ids
           */
          path: string
          before: unknown
          after: unknown
        }[]
      }[]
      next: string | null
    }
  }
  /**
   * Order a cart, some lines of it, or items without a cart
   */
  'POST /v1/shops/{shop}/orders': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body:
      | {
          cartId: string
          /**
           * @minItems 1
           * @maxItems 500
           */
          lines?: string[]
          payment?: {
            provider?: string
            method?: string
            returnUrl?: string
          }
          /**
           * Integer minor units of the currency (1999 is 19.99 USD)
           */
          expectedTotal?: number
          attributes?: {
            [k: string]: string | number | boolean | null
          }
          note?: string
          /**
           * Place it at once, unpaid: where checkout.withoutPayment allows it, or by a key with orders:edit
           */
          withoutPayment?: boolean
        }
      | {
          /**
           * @minItems 1
           * @maxItems 200
           */
          items: LineInput[]
          /**
           * ISO 4217 code
           */
          currency?: string
          email?: string
          shippingAddress?: Address
          billingAddress?: Address
          shippingMethod?: string
          /**
           * Kept in upper case, without spaces, dots and hyphens
           */
          vatId?: string
          /**
           * @maxItems 10
           */
          codes?: string[]
          payment?: {
            provider?: string
            method?: string
            returnUrl?: string
          }
          /**
           * Integer minor units of the currency (1999 is 19.99 USD)
           */
          expectedTotal?: number
          attributes?: {
            [k: string]: string | number | boolean | null
          }
          note?: string
          /**
           * Place it at once, unpaid: where checkout.withoutPayment allows it, or by a key with orders:edit
           */
          withoutPayment?: boolean
        }
    response: OrderAnswer
  }
  /**
   * Orders, newest first
   */
  'GET /v1/shops/{shop}/orders': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      view?: 'placed' | 'unpaid' | 'all'
      state?: 'NEW' | 'PLACED' | 'COMPLETED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED'
      status?: string
      paymentState?: 'NONE' | 'PENDING' | 'AUTHORIZED' | 'PARTIALLY_PAID' | 'PAID' | 'PARTIALLY_REFUNDED' | 'REFUNDED' | 'FAILED'
      fulfilmentState?: 'UNFULFILLED' | 'PARTIALLY_FULFILLED' | 'FULFILLED'
      number?: string
      shortNumber?: string
      reference?: string
      email?: string
      cartId?: string
      provider?: string
      /**
       * RFC 3339, such as 2026-01-31T12:00:00Z
       */
      from?: string
      /**
       * RFC 3339, such as 2026-01-31T12:00:00Z
       */
      to?: string
      /**
       * ISO 4217, in capitals
       */
      currency?: string
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      totalFrom?: number
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      totalTo?: number
      account?: string
    }
    body: never
    response: {
      items: Order[]
      next: string | null
    }
  }
  /**
   * One order
   */
  'GET /v1/shops/{shop}/orders/{order}': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: never
    response: Order
  }
  /**
   * Edit a placed order; rules run again only on demand, and nothing is charged or given back
   */
  'PATCH /v1/shops/{shop}/orders/{order}': {
    params: {
      shop: string
      order: string
    }
    query: Record<never, never>
    body: {
      lines?: {
        /**
         * @minItems 1
         * @maxItems 200
         */
        add?: LineInput[]
        /**
         * @minItems 1
         * @maxItems 500
         */
        set?: {
          lineId: string
          quantity?: number
          /**
           * Integer minor units of the currency (1999 is 19.99 USD)
           */
          unitPrice?: number
          note?: string | null
          options?: {
            [k: string]: string | number | boolean
          }
        }[]
        /**
         * @minItems 1
         * @maxItems 500
         */
        remove?: string[]
      }
      email?: string | null
      shippingAddress?: Address | null
      billingAddress?: Address | null
      shippingMethod?: string | null
      attributes?: {
        [k: string]: string | number | boolean | null
      }
      note?: string | null
      language?: string | null
      recalculate?: 'none' | 'adjustments' | 'all'
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      expectedTotal?: number
      message?: string
      /**
       * Answer what it would come to, and write nothing
       */
      preview?: boolean
    }
    response: OrderEdited
  }
  /**
   * Another attempt to pay, or to pay what a placed order still costs
   */
  'POST /v1/shops/{shop}/orders/{order}/payments': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body?: {
      provider?: string
      method?: string
      returnUrl?: string
    }
    response: OrderAnswer
  }
  /**
   * Cancel an order, or pieces of it, with a refund: by its owner until it is confirmed, by staff as the statuses allow
   */
  'POST /v1/shops/{shop}/orders/{order}/cancel': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body?: {
      /**
       * @minItems 1
       * @maxItems 500
       */
      lines?: {
        lineId: string
        quantity: number
      }[]
      message?: string
      refund?: 'full' | 'none'
      restock?: boolean
      /**
       * Keys with balances:write only: also where recharges were spent; the balance is below zero then
       */
      force?: boolean
      /**
       * Keys only: the customer gets no e-mail about it
       */
      quiet?: boolean
    }
    response: Order
  }
  /**
   * Where the caller may move the order now
   */
  'GET /v1/shops/{shop}/orders/{order}/status': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      status: string
      state: 'NEW' | 'PLACED' | 'COMPLETED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED'
      moves: {
        status: string
        name: string
        /**
         * What has to be there first
         */
        missing: ('shipment' | 'payment' | 'message')[]
      }[]
    }
  }
  /**
   * Move the order to another of the shop's statuses
   */
  'POST /v1/shops/{shop}/orders/{order}/status': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: {
      status: string
      message?: string
      /**
       * No e-mail is sent for this change
       */
      suppressEmails?: boolean
    }
    response: Order
  }
  /**
   * What happened to the order, newest first
   */
  'GET /v1/shops/{shop}/orders/{order}/history': {
    params: {
      shop: string
      order: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        /**
         * The version of the order that it made, or found
         */
        version: number
        at: string
        /**
         * guest, account, system, provider, or a key: its kind, and for keys its id
         */
        actor: string
        action: string
        message: string | null
        state: string
        status: string
        paymentState: string
        fulfilmentState: string
        /**
         * For keys; null for customers
         */
        details: {
          [k: string]: unknown
        } | null
      }[]
      next: string | null
    }
  }
  /**
   * Hand over pieces of the order: those that are named, or all that are left
   */
  'POST /v1/shops/{shop}/orders/{order}/fulfilments': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: {
      state?: 'PENDING' | 'SHIPPED' | 'DELIVERED'
      /**
       * @minItems 1
       * @maxItems 500
       */
      lines?: {
        lineId: string
        quantity: number
      }[]
      carrier?: string | null
      trackingNumber?: string | null
      trackingUrl?: string | null
      expectedAt?: string | null
      shippedAt?: string | null
      note?: string | null
      /**
       * No e-mail is sent for this change
       */
      suppressEmails?: boolean
    }
    response: Order
  }
  /**
   * Say more about a fulfilment, move it on, or cancel it
   */
  'PATCH /v1/shops/{shop}/orders/{order}/fulfilments/{fulfilment}': {
    params: {
      shop: string
      order: string
      fulfilment: string
    }
    query: {
      account?: string
    }
    body: {
      state?: 'PENDING' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED'
      carrier?: string | null
      trackingNumber?: string | null
      trackingUrl?: string | null
      expectedAt?: string | null
      shippedAt?: string | null
      note?: string | null
      /**
       * No e-mail is sent for this change
       */
      suppressEmails?: boolean
    }
    response: Order
  }
  /**
   * Give money back: for pieces of lines, shipping, or a free amount
   */
  'POST /v1/shops/{shop}/orders/{order}/refunds': {
    params: {
      shop: string
      order: string
    }
    query: Record<never, never>
    body: {
      /**
       * Pieces of lines; each comes to its share of what was paid
       *
       * @minItems 1
       * @maxItems 500
       */
      lines?: {
        lineId: string
        quantity: number
        restock?: boolean
      }[]
      /**
       * `true`: all that is left of it
       */
      shipping?:
        | true
        | {
            /**
             * Integer minor units of the currency of the order
             */
            amount: number
          }
      /**
       * A free amount, on top of lines and shipping
       */
      amount?: number
      reason?: string
      payment?: string
      /**
       * Whether pieces go back into stock where their line does not say
       */
      restock?: boolean
    }
    response: {
      order: Order
      refund: Refund
    }
  }
  /**
   * The refunds of an order, oldest first
   */
  'GET /v1/shops/{shop}/orders/{order}/refunds': {
    params: {
      shop: string
      order: string
    }
    query: Record<never, never>
    body: never
    response: {
      items: Refund[]
    }
  }
  /**
   * Try a failed refund again, under its own id
   */
  'POST /v1/shops/{shop}/orders/{order}/refunds/{refund}/retry': {
    params: {
      shop: string
      order: string
      refund: string
    }
    query: Record<never, never>
    body: never
    response: {
      order: Order
      refund: Refund
    }
  }
  /**
   * Split a line: some of its open pieces become a line of their own
   */
  'POST /v1/shops/{shop}/orders/{order}/lines/{line}/split': {
    params: {
      shop: string
      order: string
      line: string
    }
    query: Record<never, never>
    body: {
      quantity: number
    }
    response: {
      order: Order
      /**
       * The new line
       */
      lineId: string
    }
  }
  /**
   * What recalculating the order would come to; nothing is written
   */
  'POST /v1/shops/{shop}/orders/{order}/recalculation': {
    params: {
      shop: string
      order: string
    }
    query: Record<never, never>
    body: {
      mode: 'none' | 'adjustments' | 'all'
    }
    response: OrderEdited
  }
  /**
   * Edits of the order, the last one first, with what each changed in its totals
   */
  'GET /v1/shops/{shop}/orders/{order}/revisions': {
    params: {
      shop: string
      order: string
    }
    query: {
      limit?: number
      after?: string
    }
    body: never
    response: {
      items: {
        /**
         * The revision that the edit made
         */
        revision: number
        at: string
        actor: string
        message: string | null
        recalculate: 'none' | 'adjustments' | 'all'
        /**
         * What it costs more, or less where negative, total by total
         */
        difference: {
          itemTotal: Money
          discountTotal: Money
          shippingTotal: Money
          includedTaxTotal: Money
          additionalTaxTotal: Money
          total: Money
        }
      }[]
      next: string | null
    }
  }
  /**
   * The order as it was in one revision; payments, refunds and fulfilments are not of a revision
   */
  'GET /v1/shops/{shop}/orders/{order}/revisions/{revision}': {
    params: {
      shop: string
      order: string
      revision: number
    }
    query: Record<never, never>
    body: never
    response: {
      id: string
      number: string | null
      shortNumber: string | null
      reference: string | null
      shopId: string
      state: 'NEW' | 'PLACED' | 'COMPLETED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED'
      paymentState: 'NONE' | 'PENDING' | 'AUTHORIZED' | 'PARTIALLY_PAID' | 'PAID' | 'PARTIALLY_REFUNDED' | 'REFUNDED' | 'FAILED'
      fulfilmentState: 'UNFULFILLED' | 'PARTIALLY_FULFILLED' | 'FULFILLED'
      status: string
      /**
       * True once placed
       */
      isCompleted: boolean
      cartId: string | null
      /**
       * Whether the whole cart was ordered
       */
      whole: boolean
      subscriptionId: string | null
      subscriptionPeriod: number | null
      owner:
        | {
            kind: 'guest'
            guestId: string
          }
        | {
            kind: 'account'
            accountId: string
          }
      currency: string
      lines: OrderLine[]
      codes: {
        code: string
        applied: boolean
        reason: string | null
      }[]
      email: string | null
      shippingAddress: Address | null
      billingAddress: Address | null
      shippingMethod: string | null
      customerGroups: string[]
      vatId: string | null
      vatIdChecked: boolean
      taxExempt: boolean
      attributes: {
        [k: string]: string | number | boolean | null
      }
      note: string | null
      adjustments: Adjustment[]
      itemTotal: Money
      discountTotal: Money
      shippingTotal: Money
      includedTaxTotal: Money
      additionalTaxTotal: Money
      total: Money
      placedBy: 'guest' | 'account' | 'server' | 'staff' | 'system'
      language: string | null
      version: number
      /**
       * Rises with every edit of its content by staff
       */
      revision: number
      createdAt: string
      updatedAt: string
      orderedAt: string | null
      paidAt: string | null
      completedAt: string | null
      cancelledAt: string | null
      expiresAt: string | null
    }
  }
  /**
   * A token that opens this order for reading and paying, for a time, and the link to it
   */
  'POST /v1/shops/{shop}/orders/{order}/links': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body?: {
      /**
       * ISO 8601 duration, at most orders.tokenTtl, which also holds without it
       */
      expiresIn?: string
    }
    response: {
      token: string
      url: string | null
      expiresAt: string
    }
  }
  /**
   * Revoke all tokens of the order that were made so far
   */
  'DELETE /v1/shops/{shop}/orders/{order}/links': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Have a link to an order sent to the address that it was made with, if there is one
   */
  'POST /v1/shops/{shop}/orders/lookup': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      email: string
      /**
       * Number, short number or reference of the order
       */
      number: string
    }
    response: {
      sent: true
    }
  }
  /**
   * Take over orders that were made as a guest with the verified address of the account
   */
  'POST /v1/shops/{shop}/orders/claim': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body?: {
      /**
       * Order tokens: these orders; without them all with exactly the verified address
       *
       * @minItems 1
       * @maxItems 20
       */
      tokens?: string[]
      /**
       * From keys only: the address, which the shop has verified
       */
      email?: string
    }
    response: {
      claimed: string[]
      unclaimed: {
        orderId: string
        reason: 'another_email' | 'not_a_guests_order' | 'not_placed'
      }[]
      /**
       * There are more: ask again
       */
      more: boolean
    }
  }
  /**
   * Put the order's lines into a cart, at today's prices, with a report per line
   */
  'POST /v1/shops/{shop}/orders/{order}/reorder': {
    params: {
      shop: string
      order: string
    }
    query: {
      type?: string
      account?: string
    }
    body?: {
      cart?: string
      mode?: 'add' | 'replace'
    }
    response: Reordered
  }
  /**
   * The catalogue
   */
  'GET /v1/shops/{shop}/products': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: Product[]
      next: string | null
    }
  }
  /**
   * One product, by id, by handle, or by a sku of it
   */
  'GET /v1/shops/{shop}/products/{product}': {
    params: {
      shop: string
      product: string
    }
    query: {
      account?: string
    }
    body: never
    response: Product
  }
  /**
   * Write a product whole, found by its handle
   */
  'PUT /v1/shops/{shop}/products/{product}': {
    params: {
      shop: string
      product: string
    }
    query: {
      account?: string
    }
    body: {
      handle: string
      name: string
      /**
       * Empty unless given
       */
      description?: string
      vendor?: string
      seller?: string
      productType?: string
      /**
       * @maxItems 250
       */
      tags?: string[]
      /**
       * @maxItems 50
       */
      categories?: string[]
      /**
       * `goods` unless given
       */
      kind?: 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'
      /**
       * Unless given, as it was; true of a new product
       */
      published?: boolean
      /**
       * @maxItems 250
       */
      images?: {
        src: string
        alt?: string
      }[]
      /**
       * `standard` unless given
       */
      taxCategory?: string
      shippingCategory?: string
      recharge?: {
        /**
         * ISO 4217 code
         */
        currency: string
        /**
         * @maxItems 100
         */
        presets: number[]
        allowCustom: boolean
        /**
         * Integer minor units of the currency (1999 is 19.99 USD)
         */
        min?: number
        /**
         * Integer minor units of the currency (1999 is 19.99 USD)
         */
        max?: number
        step?: number
      }
      /**
       * @maxItems 50
       */
      plans?: Plan[]
      /**
       * @minItems 1
       * @maxItems 250
       */
      variants: {
        sku: string
        /**
         * Empty unless given
         */
        name?: string
        options?: {
          [k: string]: string
        }
        /**
         * @maxItems 200
         */
        prices: {
          /**
           * ISO 4217 code
           */
          currency: string
          /**
           * Integer minor units of the currency (1999 is 19.99 USD)
           */
          amount: number
          /**
           * Integer minor units of the currency (1999 is 19.99 USD)
           */
          listAmount?: number
          /**
           * From how many pieces of the sku in the cart it applies
           */
          quantityFrom?: number
          group?: string
          /**
           * From this moment on
           */
          startsAt?: string
          /**
           * Until this moment, exclusive
           */
          endsAt?: string
        }[]
        /**
         * Unless given, a sku that is counted stays so; of others `deny` where `onHand` is given, else `untracked`
         */
        stockPolicy?: 'untracked' | 'deny' | 'continue'
        /**
         * Leave it out where only other things change: unless given, the count stays as it is, and begins with 0
         */
        onHand?: number
        /**
         * Unless given: true of `goods` and `bundle`, false of other kinds
         */
        requiresShipping?: boolean
        /**
         * Unless given: true, but false of `recharge`
         */
        taxable?: boolean
        /**
         * 0 unless given
         */
        grams?: number
        barcode?: string
        image?: string
        quantityStep?: number
        quantityMin?: number
        quantityMax?: number
        /**
         * @minItems 1
         * @maxItems 50
         */
        parts?: {
          sku: string
          quantity: number
        }[]
      }[]
    }
    response: Product
  }
  /**
   * Import a CSV file (Shopify format) or JSON
   */
  'POST /v1/shops/{shop}/products/import': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body:
      | {
          /**
           * @minItems 1
           * @maxItems 10000
           */
          products: unknown[]
        }
      | string
    response: {
      created: number
      changed: number
      unchanged: number
      refusedCount: number
      refused: {
        line: number
        handle?: string
        column?: string
        reason: string
      }[]
    }
  }
  /**
   * How many there are
   */
  'GET /v1/shops/{shop}/stock/{sku}': {
    params: {
      shop: string
      sku: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      sku: string
      onHand: number
      policy: string
    }
  }
  /**
   * Set how many there are, or change it by a difference
   */
  'PUT /v1/shops/{shop}/stock/{sku}': {
    params: {
      shop: string
      sku: string
    }
    query: {
      account?: string
    }
    body:
      | {
          onHand: number
        }
      | {
          delta: number
        }
    response: {
      sku: string
      onHand: number
      policy: string
    }
  }
  /**
   * All promotions
   */
  'GET /v1/shops/{shop}/promotions': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: Promotion[]
      next: string | null
    }
  }
  /**
   * Make a promotion
   */
  'POST /v1/shops/{shop}/promotions': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      name: string
      active?: boolean
      startsAt?: string | null
      endsAt?: string | null
      lane?: number
      priority?: number
      group?: string | null
      exclusive?: boolean
      stops?: boolean
      percentBase?: ('original' | 'running') | null
      cap?: Amounts | null
      usesMax?: number | null
      perCustomer?: {
        uses: number
        within: string | null
      } | null
      budget?: Amounts | null
      tellsReasons?: boolean
      /**
       * @maxItems 20
       */
      conditions?: Condition[]
      benefit: Benefit
    }
    response: Promotion
  }
  /**
   * One promotion
   */
  'GET /v1/shops/{shop}/promotions/{promotion}': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: never
    response: Promotion
  }
  /**
   * Replace a promotion
   */
  'PUT /v1/shops/{shop}/promotions/{promotion}': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: {
      name: string
      active?: boolean
      startsAt?: string | null
      endsAt?: string | null
      lane?: number
      priority?: number
      group?: string | null
      exclusive?: boolean
      stops?: boolean
      percentBase?: ('original' | 'running') | null
      cap?: Amounts | null
      usesMax?: number | null
      perCustomer?: {
        uses: number
        within: string | null
      } | null
      budget?: Amounts | null
      tellsReasons?: boolean
      /**
       * @maxItems 20
       */
      conditions?: Condition[]
      benefit: Benefit
    }
    response: Promotion
  }
  /**
   * Delete a promotion that no order uses, with its codes
   */
  'DELETE /v1/shops/{shop}/promotions/{promotion}': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Codes of a promotion; `batch` lists those that one call made
   */
  'GET /v1/shops/{shop}/promotions/{promotion}/codes': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      limit?: number
      after?: string
      batch?: string
      account?: string
    }
    body: never
    response: {
      items: {
        code: string
        usesMax: number | null
        uses: number
        active: boolean
        batch: string | null
      }[]
      next: string | null
    }
  }
  /**
   * Add a code; without one in the body, one is made
   */
  'POST /v1/shops/{shop}/promotions/{promotion}/codes': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * Left out: one is made
       */
      code?: string
      usesMax?: number | null
    }
    response: {
      code: string
    }
  }
  /**
   * Make many codes of a pattern
   */
  'POST /v1/shops/{shop}/promotions/{promotion}/codes/generate': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * Each # becomes a random character that cannot be taken for another; everything else stays
       */
      pattern: string
      count: number
      usesMax?: number | null
    }
    response: {
      batch: string
      count: number
    }
  }
  /**
   * One code
   */
  'GET /v1/shops/{shop}/promotions/{promotion}/codes/{code}': {
    params: {
      shop: string
      promotion: string
      code: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      code: string
      usesMax: number | null
      uses: number
      active: boolean
      batch: string | null
    }
  }
  /**
   * Change how often a code may be used, or switch it on or off
   */
  'PATCH /v1/shops/{shop}/promotions/{promotion}/codes/{code}': {
    params: {
      shop: string
      promotion: string
      code: string
    }
    query: {
      account?: string
    }
    body: {
      usesMax?: number | null
      active?: boolean
    }
    response: {
      code: string
      usesMax: number | null
      uses: number
      active: boolean
      batch: string | null
    }
  }
  /**
   * Delete a code that no order uses
   */
  'DELETE /v1/shops/{shop}/promotions/{promotion}/codes/{code}': {
    params: {
      shop: string
      promotion: string
      code: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Import promotions with their codes
   */
  'POST /v1/shops/{shop}/promotions/import': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * @minItems 1
       * @maxItems 10000
       */
      promotions: unknown[]
    }
    response: {
      created: number
      changed: number
      unchanged: number
      refused: {
        index: number
        path: string
        reason: string
      }[]
    }
  }
  /**
   * Promotions as they can be imported, with the codes that were made one by one
   */
  'GET /v1/shops/{shop}/promotions/export': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      promotions: {
        id: string
        name: string
        active?: boolean
        startsAt?: string | null
        endsAt?: string | null
        lane?: number
        priority?: number
        group?: string | null
        exclusive?: boolean
        stops?: boolean
        percentBase?: ('original' | 'running') | null
        cap?: Amounts | null
        usesMax?: number | null
        perCustomer?: {
          uses: number
          within: string | null
        } | null
        budget?: Amounts | null
        tellsReasons?: boolean
        /**
         * @maxItems 20
         */
        conditions?: Condition[]
        benefit: Benefit
        /**
         * @maxItems 10000
         */
        codes?: {
          code: string
          usesMax?: number | null
          active?: boolean
        }[]
      }[]
      next: string | null
    }
  }
  /**
   * Whether a code would apply to a cart, and what it would give; changes nothing
   */
  'POST /v1/shops/{shop}/promotions/verify': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      code: string
      cart?: string
    }
    response: {
      code: string
      applies: boolean
      reason: string | null
      benefit?: string
      discount?: Money
      total?: Money
      gifts?: {
        sku: string
        quantity: number
      }[]
    }
  }
  /**
   * Which orders use a promotion, and for how much
   */
  'GET /v1/shops/{shop}/promotions/{promotion}/redemptions': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: {
        orderId: string
        code: string | null
        /**
         * RESERVED while the order awaits payment, then CONFIRMED
         */
        state: string
        account: string | null
        email: string | null
        amount: Money | null
        createdAt: string
      }[]
      next: string | null
    }
  }
  /**
   * Give a customer's uses of a promotion back to the customer; its total stays
   */
  'POST /v1/shops/{shop}/promotions/{promotion}/redemptions/forget': {
    params: {
      shop: string
      promotion: string
    }
    query: {
      account?: string
    }
    body: {
      account?: string
      email?: string
    }
    response: {
      forgotten: number
    }
  }
  /**
   * The living secrets of the cart's guest, one per device
   */
  'GET /v1/shops/{shop}/carts/{cart}/secrets': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        device: string | null
        createdAt: string
        /**
         * It is the one that asks
         */
        current: boolean
        /**
         * It came from a restore link and reaches one cart only
         */
        limited: boolean
      }[]
      next: null
    }
  }
  /**
   * Another secret for the same guest; its token is shown once
   */
  'POST /v1/shops/{shop}/carts/{cart}/secrets': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      /**
       * What the device calls itself
       */
      device?: string
      /**
       * The secret that asks is revoked in the same transaction
       */
      rotate?: boolean
      /**
       * All others are revoked
       */
      revokeOthers?: boolean
    }
    response: {
      id: string
      token: string
      device: string | null
      createdAt: string
    }
  }
  /**
   * Revoke a secret at once
   */
  'DELETE /v1/shops/{shop}/carts/{cart}/secrets/{secret}': {
    params: {
      shop: string
      cart: string
      secret: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Make an open cart the current one; the one that was stays open
   */
  'POST /v1/shops/{shop}/carts/{cart}/select': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Detach the cart: it stays open, and the next current one is new
   */
  'POST /v1/shops/{shop}/carts/{cart}/forget': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: CartAnswer
  }
  /**
   * Make one's own cart with this number the current one
   */
  'POST /v1/shops/{shop}/carts/load': {
    params: {
      shop: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      number: string
    }
    response: CartAnswer
  }
  /**
   * Add items of another of the owner's carts, open or closed
   */
  'POST /v1/shops/{shop}/carts/{cart}/lines/copy': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: {
      /**
       * Id or number of another of the owner's carts
       */
      from: string
      /**
       * Only these lines of it
       *
       * @minItems 1
       * @maxItems 500
       */
      lines?: string[]
    }
    response: CartAnswer
  }
  /**
   * A link that leads back to the cart, signed and for a time
   */
  'POST /v1/shops/{shop}/carts/{cart}/restore-links': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: {
      token: string
      url: string
      expiresAt: string
    }
  }
  /**
   * Follow a restore link; who is not the owner gets a token for this cart alone
   */
  'POST /v1/shops/{shop}/carts/restore': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      token: string
    }
    response: CartAnswer
  }
  /**
   * Who changed settings, and what keys did for customers, newest first
   */
  'GET /v1/shops/{shop}/audit': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        at: string
        actor: string
        action: string
        subject: string
        before: unknown
        after: unknown
      }[]
      next: string | null
    }
  }
  /**
   * Why the cart costs what it costs: promotions, rates, roundings (keys only)
   */
  'GET /v1/shops/{shop}/carts/{cart}/explanation': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
      facts?: boolean
    }
    body: never
    response: Explanation
  }
  /**
   * What a cart would cost at another time or with other promotions; writes nothing
   */
  'POST /v1/shops/{shop}/promotions/preview': {
    params: {
      shop: string
    }
    query: {
      account?: string
      facts?: boolean
    }
    body: {
      /**
       * The id of a cart, or one that is made up
       */
      cart:
        | string
        | {
            email?: string | null
            shippingAddress?: Address | null
            billingAddress?: Address | null
            billingSameAsShipping?: boolean
            shippingSameAsBilling?: boolean
            shippingMethod?: string | null
            attributes?: {
              [k: string]: string | number | boolean | null
            }
            /**
             * ISO 4217 code
             */
            currency?: string
            /**
             * @maxItems 20
             */
            customerGroups?: string[]
            vatId?: string | null
            /**
             * Keys with carts:custom_prices only: the number was checked; another number is not checked any more
             */
            vatIdChecked?: boolean
            /**
             * Keys with carts:custom_prices only: this buyer owes no tax
             */
            taxExempt?: boolean
            /**
             * @maxItems 200
             */
            lines: LineInput[]
            /**
             * @maxItems 10
             */
            codes?: string[]
          }
      /**
       * The moment that counts; now, if absent
       */
      at?: string
      /**
       * Drafts that count as if they were written; one with the id of a promotion takes its place
       *
       * @maxItems 50
       */
      promotions?: {
        name: string
        active?: boolean
        startsAt?: string | null
        endsAt?: string | null
        lane?: number
        priority?: number
        group?: string | null
        exclusive?: boolean
        stops?: boolean
        percentBase?: ('original' | 'running') | null
        cap?: Amounts | null
        usesMax?: number | null
        perCustomer?: {
          uses: number
          within: string | null
        } | null
        budget?: Amounts | null
        tellsReasons?: boolean
        /**
         * @maxItems 20
         */
        conditions?: Condition[]
        benefit: Benefit
        id?: string
      }[]
      /**
       * Promotions that do not count
       *
       * @maxItems 200
       */
      without?: string[]
      /**
       * Codes that exist in this preview only, by the promotion that they open; they are on the cart
       */
      codes?: {
        [k: string]: string
      }
    }
    response: Explanation
  }
  /**
   * What was sent to customers, waits or failed, newest first
   */
  'GET /v1/shops/{shop}/emails': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
      state?: 'QUEUED' | 'SENDING' | 'SENT' | 'FAILED' | 'SUPPRESSED'
    }
    body: never
    response: {
      items: Email[]
      next: string | null
    }
  }
  /**
   * Try an e-mail again that failed, waits or was suppressed
   */
  'POST /v1/shops/{shop}/emails/{email}/retry': {
    params: {
      shop: string
      email: string
    }
    query: {
      account?: string
    }
    body: never
    response: Email
  }
  /**
   * What was sent about an order, newest first
   */
  'GET /v1/shops/{shop}/orders/{order}/emails': {
    params: {
      shop: string
      order: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
    }
    body: never
    response: {
      items: Email[]
      next: string | null
    }
  }
  /**
   * Send any e-mail of an order, to its customer or somebody else
   */
  'POST /v1/shops/{shop}/orders/{order}/emails': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: {
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'order_link'
      to?: string
      status?: string
      /**
       * BCP 47: a language, with a country if need be
       */
      language?: string
    }
    response: Email
  }
  /**
   * Which templates of its own a shop has
   */
  'GET /v1/shops/{shop}/email-templates': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: {
        kind:
          | 'order_confirmation'
          | 'payment_received'
          | 'order_status'
          | 'order_shipped'
          | 'order_cancelled'
          | 'order_refunded'
          | 'cart_abandoned'
          | 'order_link'
        status: string | null
        language: string
        updatedAt: string
      }[]
      next: string | null
    }
  }
  /**
   * The template of a kind in a language: the shop's own, or ours to begin with
   */
  'GET /v1/shops/{shop}/email-templates/{kind}/{language}': {
    params: {
      shop: string
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      /**
       * BCP 47: a language, with a country if need be
       */
      language: string
    }
    query: {
      status?: string
      account?: string
    }
    body: never
    response: {
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      status: string | null
      language: string
      own: boolean
      subject: string
      html: string
      text: string
      updatedAt: string | null
    }
  }
  /**
   * Write a template of the shop’s own, in Liquid, for all statuses or for one
   */
  'PUT /v1/shops/{shop}/email-templates/{kind}/{language}': {
    params: {
      shop: string
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      /**
       * BCP 47: a language, with a country if need be
       */
      language: string
    }
    query: {
      status?: string
      account?: string
    }
    body: {
      subject: string
      html: string
      text: string
    }
    response: {
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      status: string | null
      language: string
      own: boolean
      subject: string
      html: string
      text: string
      updatedAt: string | null
    }
  }
  /**
   * Remove a template: ours is taken from then on
   */
  'DELETE /v1/shops/{shop}/email-templates/{kind}/{language}': {
    params: {
      shop: string
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      /**
       * BCP 47: a language, with a country if need be
       */
      language: string
    }
    query: {
      status?: string
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * An e-mail as it would be sent: of an order (needs orders:read, too) or of a sample, with a template that is not saved yet
   */
  'POST /v1/shops/{shop}/email-templates/preview': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      kind:
        | 'order_confirmation'
        | 'payment_received'
        | 'order_status'
        | 'order_shipped'
        | 'order_cancelled'
        | 'order_refunded'
        | 'cart_abandoned'
        | 'order_link'
      /**
       * BCP 47: a language, with a country if need be
       */
      language?: string
      status?: string
      order?: string
      template?: {
        subject: string
        html: string
        text: string
      }
    }
    response: {
      subject: string
      html: string
      text: string
      language: string
      own: boolean
      fault: string | null
    }
  }
  /**
   * All shipping methods with their rates: the export of the table
   */
  'GET /v1/shops/{shop}/shipping-methods': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: ShippingMethod[]
      next: string | null
    }
  }
  /**
   * Replace all shipping methods: the import of a table
   */
  'PUT /v1/shops/{shop}/shipping-methods': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * @maxItems 100
       */
      items: ShippingMethod[]
      next?: null
    }
    response: {
      items: ShippingMethod[]
      next: string | null
    }
  }
  /**
   * Add a shipping method, offered after the others
   */
  'POST /v1/shops/{shop}/shipping-methods': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: ShippingMethod
    response: ShippingMethod
  }
  /**
   * Replace a shipping method; its place in the list stays
   */
  'PUT /v1/shops/{shop}/shipping-methods/{method}': {
    params: {
      shop: string
      method: string
    }
    query: {
      account?: string
    }
    body: ShippingMethod
    response: ShippingMethod
  }
  /**
   * Remove a shipping method; carts that chose it get the first one that is offered, with a notice
   */
  'DELETE /v1/shops/{shop}/shipping-methods/{method}': {
    params: {
      shop: string
      method: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * All tax rates
   */
  'GET /v1/shops/{shop}/tax-rates': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: TaxRate[]
      next: string | null
    }
  }
  /**
   * Replace the whole list: what was exported can be imported
   */
  'PUT /v1/shops/{shop}/tax-rates': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * @maxItems 1000
       */
      items: TaxRate[]
      next?: null
    }
    response: {
      items: TaxRate[]
      next: string | null
    }
  }
  /**
   * Add a tax rate
   */
  'POST /v1/shops/{shop}/tax-rates': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: TaxRate
    response: TaxRate
  }
  /**
   * Replace a tax rate
   */
  'PUT /v1/shops/{shop}/tax-rates/{rate}': {
    params: {
      shop: string
      rate: string
    }
    query: {
      account?: string
    }
    body: TaxRate
    response: TaxRate
  }
  /**
   * Remove a tax rate
   */
  'DELETE /v1/shops/{shop}/tax-rates/{rate}': {
    params: {
      shop: string
      rate: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * The cart whenever it changes, as server-sent events (read it with fetch: EventSource sends no Authorization)
   */
  'GET /v1/shops/{shop}/carts/{cart}/stream': {
    params: {
      shop: string
      cart: string
    }
    query: {
      type?: string
      account?: string
    }
    body: never
    response: string
  }
  /**
   * The order whenever it changes, as server-sent events (read it with fetch: EventSource sends no Authorization)
   */
  'GET /v1/shops/{shop}/orders/{order}/stream': {
    params: {
      shop: string
      order: string
    }
    query: {
      account?: string
    }
    body: never
    response: string
  }
  /**
   * Subscriptions that have begun, newest first
   */
  'GET /v1/shops/{shop}/subscriptions': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      state?: 'PENDING' | 'ACTIVE' | 'PAST_DUE' | 'CANCELLED' | 'EXPIRED'
      account?: string
    }
    body: never
    response: {
      items: Subscription[]
      next: string | null
    }
  }
  /**
   * One subscription
   */
  'GET /v1/shops/{shop}/subscriptions/{subscription}': {
    params: {
      shop: string
      subscription: string
    }
    query: {
      account?: string
    }
    body: never
    response: Subscription
  }
  /**
   * Cancel when the period ends, or now; nothing goes back
   */
  'POST /v1/shops/{shop}/subscriptions/{subscription}/cancel': {
    params: {
      shop: string
      subscription: string
    }
    query: {
      account?: string
    }
    body?: {
      at?: 'periodEnd' | 'now'
    }
    response: Subscription
  }
  /**
   * Go on after all, before the period ends
   */
  'POST /v1/shops/{shop}/subscriptions/{subscription}/resume': {
    params: {
      shop: string
      subscription: string
    }
    query: {
      account?: string
    }
    body: never
    response: Subscription
  }
  /**
   * What a payment provider sends
   */
  'POST /v1/shops/{shop}/payments/{provider}/events': {
    params: {
      shop: string
      provider: string
    }
    query: Record<never, never>
    body: never
    response: {
      received: true
    }
  }
  /**
   * The browser comes back from the provider
   */
  'GET /v1/shops/{shop}/payments/{provider}/returns/{payment}': {
    params: {
      shop: string
      provider: string
      payment: string
    }
    query: Record<never, never>
    body: never
    response: string
  }
  /**
   * Take reserved money, all or a part; the rest is set free
   */
  'POST /v1/shops/{shop}/orders/{order}/payments/{payment}/capture': {
    params: {
      shop: string
      order: string
      payment: string
    }
    query: {
      account?: string
    }
    body?: {
      /**
       * Integer minor units of the currency of the payment
       */
      amount?: number
    }
    response: Order
  }
  /**
   * Set reserved money free, or close a payment that is still to come
   */
  'POST /v1/shops/{shop}/orders/{order}/payments/{payment}/void': {
    params: {
      shop: string
      order: string
      payment: string
    }
    query: {
      account?: string
    }
    body?: Record<string, never>
    response: Order
  }
  /**
   * Money came by hand: all that is owed, or a part of it
   */
  'POST /v1/shops/{shop}/orders/{order}/payments/{payment}/mark-paid': {
    params: {
      shop: string
      order: string
      payment: string
    }
    query: {
      account?: string
    }
    body?: {
      /**
       * Integer minor units of the currency of the payment
       */
      amount?: number
      /**
       * The words of the bank, by which it is found again
       */
      reference?: string
      /**
       * When it came; now where absent
       */
      receivedAt?: string
    }
    response: Order
  }
  /**
   * Payment providers, and the accounts there
   */
  'GET /v1/shops/{shop}/payment-providers': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: {
        provider: string
        settles: 'now' | 'later'
        needsAccount: boolean
        /**
         * False: it needs an account, and the shop has none that can be opened
         */
        configured: boolean
        account: {
          [k: string]: string
        } | null
        updatedAt: string | null
      }[]
      next: null
    }
  }
  /**
   * Tell the shop's account at a provider; its secrets are sealed and never served
   */
  'PUT /v1/shops/{shop}/payment-providers/{provider}': {
    params: {
      shop: string
      provider: string
    }
    query: {
      account?: string
    }
    body: {
      [k: string]: string | null
    }
    response: {
      provider: string
      settles: 'now' | 'later'
      needsAccount: boolean
      /**
       * False: it needs an account, and the shop has none that can be opened
       */
      configured: boolean
      account: {
        [k: string]: string
      } | null
      updatedAt: string | null
    }
  }
  /**
   * Forget the shop's account at a provider: nothing can be paid, taken or given back there any more
   */
  'DELETE /v1/shops/{shop}/payment-providers/{provider}': {
    params: {
      shop: string
      provider: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Endpoints
   */
  'GET /v1/shops/{shop}/webhooks': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        url: string
        types: string[]
        description: string | null
        active: boolean
        state: 'ACTIVE' | 'PAUSED' | 'DISABLED'
        /**
         * failing: it did nothing but fail for three days, and what is for it waits. gone: it answered 410
         */
        stoppedReason: ('by_hand' | 'failing' | 'gone') | null
        health: {
          consecutiveFailures: number
          failingSince: string | null
          lastSuccessAt: string | null
          lastFailureAt: string | null
          heldUntil: string | null
        }
        previousSecretValidUntil: string | null
        createdAt: string
        updatedAt: string
      }[]
      next: string | null
    }
  }
  /**
   * Register an endpoint; its secret is shown once
   */
  'POST /v1/shops/{shop}/webhooks': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * A public https:// address; others only where the installation allows them
       */
      url: string
      /**
       * Exact types, families like order.*, or * for all, also those to come
       *
       * @minItems 1
       * @maxItems 28
       */
      types?: (
        | 'cart.created'
        | 'cart.updated'
        | 'cart.merged'
        | 'cart.closed'
        | 'cart.expired'
        | 'cart.abandoned'
        | 'order.created'
        | 'order.placed'
        | 'order.updated'
        | 'order.status_changed'
        | 'order.completed'
        | 'order.cancelled'
        | 'order.expired'
        | 'payment.pending'
        | 'payment.authorized'
        | 'payment.succeeded'
        | 'payment.failed'
        | 'payment.mismatch'
        | 'payment.disputed'
        | 'refund.succeeded'
        | 'refund.failed'
        | 'fulfilment.created'
        | 'fulfilment.updated'
        | 'subscription.started'
        | 'subscription.renewed'
        | 'subscription.past_due'
        | 'subscription.cancelled'
        | 'balance.changed'
        | 'cart.*'
        | 'order.*'
        | 'payment.*'
        | 'refund.*'
        | 'fulfilment.*'
        | 'subscription.*'
        | 'balance.*'
        | '*'
      )[]
      description?: string | null
    }
    response: {
      id: string
      url: string
      types: string[]
      secret: string
    }
  }
  /**
   * An endpoint, and how it does
   */
  'GET /v1/shops/{shop}/webhooks/{endpoint}': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      id: string
      url: string
      types: string[]
      description: string | null
      active: boolean
      state: 'ACTIVE' | 'PAUSED' | 'DISABLED'
      /**
       * failing: it did nothing but fail for three days, and what is for it waits. gone: it answered 410
       */
      stoppedReason: ('by_hand' | 'failing' | 'gone') | null
      health: {
        consecutiveFailures: number
        failingSince: string | null
        lastSuccessAt: string | null
        lastFailureAt: string | null
        heldUntil: string | null
      }
      previousSecretValidUntil: string | null
      createdAt: string
      updatedAt: string
    }
  }
  /**
   * Change an endpoint, stop it or resume it
   */
  'PATCH /v1/shops/{shop}/webhooks/{endpoint}': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * A public https:// address; others only where the installation allows them
       */
      url?: string
      /**
       * Exact types, families like order.*, or * for all, also those to come
       *
       * @minItems 1
       * @maxItems 28
       */
      types?: (
        | 'cart.created'
        | 'cart.updated'
        | 'cart.merged'
        | 'cart.closed'
        | 'cart.expired'
        | 'cart.abandoned'
        | 'order.created'
        | 'order.placed'
        | 'order.updated'
        | 'order.status_changed'
        | 'order.completed'
        | 'order.cancelled'
        | 'order.expired'
        | 'payment.pending'
        | 'payment.authorized'
        | 'payment.succeeded'
        | 'payment.failed'
        | 'payment.mismatch'
        | 'payment.disputed'
        | 'refund.succeeded'
        | 'refund.failed'
        | 'fulfilment.created'
        | 'fulfilment.updated'
        | 'subscription.started'
        | 'subscription.renewed'
        | 'subscription.past_due'
        | 'subscription.cancelled'
        | 'balance.changed'
        | 'cart.*'
        | 'order.*'
        | 'payment.*'
        | 'refund.*'
        | 'fulfilment.*'
        | 'subscription.*'
        | 'balance.*'
        | '*'
      )[]
      description?: string | null
      /**
       * true also resumes a paused endpoint, with all that waits for it; false: nothing more is kept for it
       */
      active?: boolean
    }
    response: {
      id: string
      url: string
      types: string[]
      description: string | null
      active: boolean
      state: 'ACTIVE' | 'PAUSED' | 'DISABLED'
      /**
       * failing: it did nothing but fail for three days, and what is for it waits. gone: it answered 410
       */
      stoppedReason: ('by_hand' | 'failing' | 'gone') | null
      health: {
        consecutiveFailures: number
        failingSince: string | null
        lastSuccessAt: string | null
        lastFailureAt: string | null
        heldUntil: string | null
      }
      previousSecretValidUntil: string | null
      createdAt: string
      updatedAt: string
    }
  }
  /**
   * Remove an endpoint with what waits for it
   */
  'DELETE /v1/shops/{shop}/webhooks/{endpoint}': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body: never
    response: undefined
  }
  /**
   * Give an endpoint another secret, shown once; the one before signs besides for a while
   */
  'POST /v1/shops/{shop}/webhooks/{endpoint}/rotate-secret': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body: {
      /**
       * ISO 8601 duration, at most P30D, for which the secret before signs besides; PT0S ends it at once
       */
      graceFor?: string
    }
    response: {
      id: string
      secret: string
      previousSecretValidUntil: string | null
    }
  }
  /**
   * Send a signed webhook.test now and say what the endpoint answered; nothing is kept
   */
  'POST /v1/shops/{shop}/webhooks/{endpoint}/test': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body?: Record<string, never>
    response: {
      delivered: boolean
      status: number | null
      answer: string | null
      error: string | null
      durationMs: number
    }
  }
  /**
   * What was sent, newest first
   */
  'GET /v1/shops/{shop}/webhooks/{endpoint}/deliveries': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      limit?: number
      after?: string
      /**
       * SUPERSEDED: it gave way to a newer one, or was sent again under another id
       */
      state?: 'PENDING' | 'SENDING' | 'DELIVERED' | 'SUPERSEDED' | 'DEAD'
      type?:
        | 'cart.created'
        | 'cart.updated'
        | 'cart.merged'
        | 'cart.closed'
        | 'cart.expired'
        | 'cart.abandoned'
        | 'order.created'
        | 'order.placed'
        | 'order.updated'
        | 'order.status_changed'
        | 'order.completed'
        | 'order.cancelled'
        | 'order.expired'
        | 'payment.pending'
        | 'payment.authorized'
        | 'payment.succeeded'
        | 'payment.failed'
        | 'payment.mismatch'
        | 'payment.disputed'
        | 'refund.succeeded'
        | 'refund.failed'
        | 'fulfilment.created'
        | 'fulfilment.updated'
        | 'subscription.started'
        | 'subscription.renewed'
        | 'subscription.past_due'
        | 'subscription.cancelled'
        | 'balance.changed'
      subject?: string
      from?: string
      to?: string
      account?: string
    }
    body: never
    response: {
      items: {
        id: string
        /**
         * The webhook-id: the same however often it is sent
         */
        eventId: string
        type: string
        subject: string
        /**
         * SUPERSEDED: it gave way to a newer one, or was sent again under another id
         */
        state: 'PENDING' | 'SENDING' | 'DELIVERED' | 'SUPERSEDED' | 'DEAD'
        attempts: number
        createdAt: string
        dueAt: string
        deliveredAt: string | null
        lastStatus: number | null
        lastError: string | null
      }[]
      next: string | null
    }
  }
  /**
   * A delivery: what is sent, and what each attempt came to
   */
  'GET /v1/shops/{shop}/webhooks/{endpoint}/deliveries/{delivery}': {
    params: {
      shop: string
      endpoint: string
      delivery: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      id: string
      /**
       * The webhook-id: the same however often it is sent
       */
      eventId: string
      type: string
      subject: string
      /**
       * SUPERSEDED: it gave way to a newer one, or was sent again under another id
       */
      state: 'PENDING' | 'SENDING' | 'DELIVERED' | 'SUPERSEDED' | 'DEAD'
      attempts: number
      createdAt: string
      dueAt: string
      deliveredAt: string | null
      lastStatus: number | null
      lastError: string | null
      /**
       * The message as it is sent
       */
      payload: {
        [k: string]: unknown
      }
      log: {
        attempt: number
        at: string
        durationMs: number
        status: number | null
        answer: string | null
        error: string | null
      }[]
    }
  }
  /**
   * Send it again
   */
  'POST /v1/shops/{shop}/webhooks/{endpoint}/deliveries/{delivery}/redeliver': {
    params: {
      shop: string
      endpoint: string
      delivery: string
    }
    query: {
      account?: string
    }
    body?: Record<string, never>
    response: {
      id: string
    }
  }
  /**
   * Send many again, oldest first: the dead ones, or those that the filter names
   */
  'POST /v1/shops/{shop}/webhooks/{endpoint}/redeliver': {
    params: {
      shop: string
      endpoint: string
    }
    query: {
      account?: string
    }
    body: {
      state?: 'DEAD' | 'DELIVERED' | 'SUPERSEDED'
      /**
       * @minItems 1
       * @maxItems 28
       */
      types?: (
        | 'cart.created'
        | 'cart.updated'
        | 'cart.merged'
        | 'cart.closed'
        | 'cart.expired'
        | 'cart.abandoned'
        | 'order.created'
        | 'order.placed'
        | 'order.updated'
        | 'order.status_changed'
        | 'order.completed'
        | 'order.cancelled'
        | 'order.expired'
        | 'payment.pending'
        | 'payment.authorized'
        | 'payment.succeeded'
        | 'payment.failed'
        | 'payment.mismatch'
        | 'payment.disputed'
        | 'refund.succeeded'
        | 'refund.failed'
        | 'fulfilment.created'
        | 'fulfilment.updated'
        | 'subscription.started'
        | 'subscription.renewed'
        | 'subscription.past_due'
        | 'subscription.cancelled'
        | 'balance.changed'
      )[]
      subject?: string
      from?: string
      to?: string
      limit?: number
      after?: string
    }
    response: {
      count: number
      next: string | null
    }
  }
  /**
   * What an account has, by currency
   */
  'GET /v1/shops/{shop}/balances': {
    params: {
      shop: string
    }
    query: {
      account?: string
    }
    body: never
    response: {
      items: {
        account: string
        amount: Money
        /**
         * Rises with every movement
         */
        version: number
        updatedAt: string
      }[]
      next: null
    }
  }
  /**
   * What moved the balances of an account, newest first
   */
  'GET /v1/shops/{shop}/balances/entries': {
    params: {
      shop: string
    }
    query: {
      limit?: number
      after?: string
      account?: string
      /**
       * ISO 4217 code
       */
      currency?: string
    }
    body: never
    response: {
      items: {
        id: string
        account: string
        kind: 'recharge' | 'reversal' | 'payment' | 'refund' | 'adjustment'
        amount: Money
        balanceAfter: Money
        orderId: string | null
        lineId: string | null
        paymentId: string | null
        refundId: string | null
        /**
         * Who did it: `account`, a key by its id, `system`, or `provider:<name>`
         */
        by: string
        message: string | null
        at: string
      }[]
      next: string | null
    }
  }
  /**
   * Add to the balance of an account, or take from it
   */
  'POST /v1/shops/{shop}/balances/adjustments': {
    params: {
      shop: string
    }
    query: Record<never, never>
    body: {
      account: string
      /**
       * ISO 4217 code
       */
      currency: string
      /**
       * Signed integer minor units
       */
      amount: number
      /**
       * Why; the account may read it
       */
      message: string
    }
    response: {
      account: string
      amount: Money
      /**
       * Rises with every movement
       */
      version: number
      updatedAt: string
    }
  }
  /**
   * A token for trying things out
   */
  'POST /v1/demo/login': {
    params: Record<never, never>
    query: Record<never, never>
    body: {
      accountId: string
      email?: string
    }
    response: {
      token: string
    }
  }
  /**
   * Move the clock forward, then do what is due
   */
  'POST /v1/demo/clock': {
    params: Record<never, never>
    query: Record<never, never>
    body: {
      advance: string
    }
    response: {
      now: string
    }
  }
}
/**
 * Shop, as it is sent.
 */
export interface Shop {
  id: string
  name: string
  currency: string
  preset: string
  createdAt: string
}
/**
 * TaxRate, as it is sent.
 */
export interface TaxRate {
  /**
   * Without one it is called after its zone
   */
  id?: string
  name: string
  /**
   * Which tax it is; different taxes add up
   */
  tax?: string
  category: string
  /**
   * ISO 3166-1 alpha-2
   */
  country?: string
  region?: string
  /**
   * 94103, 941* or 94000-94999; needs a country
   *
   * @minItems 1
   * @maxItems 500
   */
  postalCodes?: string[]
  /**
   * A decimal string: "19", "7.7"
   */
  percent: string
  included: boolean
  /**
   * On the amount and the taxes that are not compound
   */
  compound?: boolean
}
/**
 * ShippingMethod, as it is sent.
 */
export interface ShippingMethod {
  id: string
  name: string
  /**
   * @minItems 1
   * @maxItems 500
   */
  rates: {
    /**
     * @minItems 1
     * @maxItems 250
     */
    countries?: string[]
    /**
     * @minItems 1
     * @maxItems 200
     */
    regions?: string[]
    /**
     * @minItems 1
     * @maxItems 1000
     */
    postalCodes?: string[]
    /**
     * ISO 4217 code
     */
    currency: string
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    amount: number
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    freeFrom?: number
    by?: 'weight' | 'total' | 'quantity'
    /**
     * @minItems 1
     * @maxItems 100
     */
    steps?: {
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      from: number
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      amount: number
    }[]
    /**
     * @minItems 1
     * @maxItems 50
     */
    surcharges?: {
      category: string
      /**
       * Integer minor units of the currency (1999 is 19.99 USD)
       */
      amount: number
      per: 'item' | 'cart'
    }[]
  }[]
  maxGrams?: number
  /**
   * @minItems 1
   * @maxItems 50
   */
  excludesCategories?: string[]
}
/**
 * LineInput, as it is sent.
 */
export interface LineInput {
  sku?: string
  quantity?: number
  options?: {
    [k: string]: string | number | boolean
  }
  note?: string
  attributes?: {
    [k: string]: string | number | boolean | null
  }
  /**
   * Recharge products: the amount, in minor units
   */
  amount?: number
  plan?: string
  keepSeparate?: boolean
  /**
   * Integer minor units of the currency (1999 is 19.99 USD)
   */
  expectedUnitPrice?: number
  /**
   * Integer minor units of the currency (1999 is 19.99 USD)
   */
  unitPrice?: number
  inline?: InlineItem
  /**
   * Its taxes instead of those by the rates of the shop; an empty list: it owes none
   *
   * @maxItems 5
   */
  taxes?: {
    name: string
    /**
     * A decimal string: "19", "7.7"
     */
    percent: string
    included: boolean
  }[]
}
/**
 * InlineItem, as it is sent.
 */
export interface InlineItem {
  name: string
  /**
   * Integer minor units of the currency (1999 is 19.99 USD)
   */
  unitPrice: number
  taxCategory: string
  image?: string
  requiresShipping?: boolean
  /**
   * What one piece weighs
   */
  grams?: number
}
/**
 * CartAnswer, as it is sent.
 */
export interface CartAnswer {
  cart: Cart
  results?: {
    index: number
    ok: boolean
    lineId?: string
    asked: number
    got: number
    code?: string
    detail?: unknown
  }[]
  report?: {
    mode: 'merge' | 'keepAccount' | 'keepGuest' | 'adopt' | 'restorePrevious'
    lines: {
      /**
       * The cart it was in
       */
      from: string
      /**
       * The line that it is now; where it was rejected, the line that it was
       */
      lineId: string
      outcome: 'added' | 'combined' | 'clamped' | 'unavailable' | 'rejected'
      /**
       * The quantity it brought
       */
      asked: number
      /**
       * The quantity that the line has now
       */
      got: number
      /**
       * Set aside: among the saved lines of the cart
       */
      saved: boolean
      /**
       * Why it was clamped or rejected, or what stands between it and an order
       */
      code?: string
    }[]
    codes: {
      from: string
      code: string
      outcome: 'added' | 'combined' | 'rejected'
      reason?: 'too_many_codes' | 'replaced'
    }[]
    attributes: {
      from: string
      name: string
      outcome: 'added' | 'combined' | 'replaced' | 'rejected'
    }[]
    carts: {
      id: string
      outcome: 'closed' | 'deleted' | 'kept'
    }[]
  }
  /**
   * A new guest's token; shown once
   */
  token?: string
}
/**
 * Cart, as it is sent.
 */
export interface Cart {
  id: string
  number: string
  shopId: string
  type: string
  state: 'OPEN' | 'CLOSED'
  closedReason: ('ordered' | 'merged' | 'expired' | 'deleted') | null
  mergedInto: string | null
  orderId: string | null
  continues: string | null
  /**
   * Whether it is what its owner's `current` means
   */
  isCurrent: boolean
  owner:
    | {
        kind: 'guest'
        guestId: string
      }
    | {
        kind: 'account'
        accountId: string
      }
  currency: string
  /**
   * Moves with each change of the cart
   */
  version: number
  /**
   * Moves when only prices do; keep the greater (version, pricing)
   */
  pricing: number
  lines: CartLine[]
  codes: {
    code: string
    applied: boolean
    reason: string | null
  }[]
  email: string | null
  shippingAddress: Address | null
  billingAddress: Address | null
  shippingMethod: string | null
  customerGroups: string[]
  vatId: string | null
  vatIdChecked: boolean
  taxExempt: boolean
  attributes: {
    [k: string]: string | number | boolean | null
  }
  note: string | null
  adjustments: Adjustment[]
  billingSameAsShipping: boolean
  /**
   * While it is, `shippingAddress` follows `billingAddress`
   */
  shippingSameAsBilling: boolean
  requiresShipping: boolean
  shippingEstimate: Money | null
  notices: Notice[]
  itemTotal: Money
  discountTotal: Money
  shippingTotal: Money
  includedTaxTotal: Money
  additionalTaxTotal: Money
  total: Money
  itemCount: number
  createdAt: string
  updatedAt: string
  expiresAt: string | null
}
/**
 * CartLine, as it is sent.
 */
export interface CartLine {
  id: string
  sku: string | null
  productId: string | null
  handle: string | null
  name: string
  variantName: string
  image: string | null
  kind: 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'
  seller: string | null
  quantity: number
  options: {
    [k: string]: string | number | boolean
  }
  note: string | null
  attributes: {
    [k: string]: string | number | boolean | null
  }
  amount: Money | null
  parts: {
    sku: string
    quantity: number
  }[]
  plan: string | null
  priceSource: 'catalog' | 'external' | 'inline'
  unitPrice: Money
  priceWhenAdded: Money
  listPrice: Money | null
  itemTotal: Money
  discountTotal: Money
  total: Money
  adjustments: Adjustment[]
  requiresShipping: boolean
  /**
   * external: a server set its taxes; they are never computed anew
   */
  taxSource: 'rates' | 'external'
  giftOf: string | null
  state: 'AVAILABLE' | 'UNAVAILABLE'
  addedAt: string
}
/**
 * Money, as it is sent.
 */
export interface Money {
  amount: number
  currency: string
}
/**
 * Adjustment, as it is sent.
 */
export interface Adjustment {
  type: 'promotion' | 'shipping' | 'tax'
  label: string
  amount: Money
  /**
   * True: already part of the price (VAT)
   */
  included: boolean
  source: {
    kind: 'promotion' | 'shipping_method' | 'tax_rate' | 'provider' | 'external'
    id: string
    code?: string
  }
  target: 'line' | 'shipping'
  lineId?: string
}
/**
 * Address, as it is sent.
 */
export interface Address {
  name?: string
  company?: string
  line1?: string
  line2?: string
  city?: string
  postalCode?: string
  region?: string
  /**
   * ISO 3166-1 alpha-2
   */
  country: string
  phone?: string
}
/**
 * Notice, as it is sent.
 */
export interface Notice {
  id: string
  code: string
  severity: 'info' | 'warning' | 'error'
  path: string
  params: {
    [k: string]: string | number | null
  }
  /**
   * The cart cannot be ordered until this was acknowledged
   */
  requiresAck: boolean
  /**
   * The same in words, in the language of Accept-Language (en, de)
   */
  message?: string
}
/**
 * OrderAnswer, as it is sent.
 */
export interface OrderAnswer {
  order: Order
  orderToken: string
  payment: {
    id: string
    provider: string
    token: string | null
    url: string | null
  } | null
}
/**
 * Order, as it is sent.
 */
export interface Order {
  id: string
  number: string | null
  shortNumber: string | null
  reference: string | null
  shopId: string
  state: 'NEW' | 'PLACED' | 'COMPLETED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED'
  paymentState: 'NONE' | 'PENDING' | 'AUTHORIZED' | 'PARTIALLY_PAID' | 'PAID' | 'PARTIALLY_REFUNDED' | 'REFUNDED' | 'FAILED'
  fulfilmentState: 'UNFULFILLED' | 'PARTIALLY_FULFILLED' | 'FULFILLED'
  status: string
  /**
   * True once placed
   */
  isCompleted: boolean
  cartId: string | null
  /**
   * Whether the whole cart was ordered
   */
  whole: boolean
  subscriptionId: string | null
  subscriptionPeriod: number | null
  owner:
    | {
        kind: 'guest'
        guestId: string
      }
    | {
        kind: 'account'
        accountId: string
      }
  currency: string
  lines: OrderLine[]
  codes: {
    code: string
    applied: boolean
    reason: string | null
  }[]
  email: string | null
  shippingAddress: Address | null
  billingAddress: Address | null
  shippingMethod: string | null
  customerGroups: string[]
  vatId: string | null
  vatIdChecked: boolean
  taxExempt: boolean
  attributes: {
    [k: string]: string | number | boolean | null
  }
  note: string | null
  adjustments: Adjustment[]
  itemTotal: Money
  discountTotal: Money
  shippingTotal: Money
  includedTaxTotal: Money
  additionalTaxTotal: Money
  total: Money
  placedBy: 'guest' | 'account' | 'server' | 'staff' | 'system'
  language: string | null
  version: number
  /**
   * Rises with every edit of its content by staff
   */
  revision: number
  createdAt: string
  updatedAt: string
  orderedAt: string | null
  paidAt: string | null
  completedAt: string | null
  cancelledAt: string | null
  expiresAt: string | null
  paidTotal: Money
  refundedTotal: Money
  cancelledTotal: Money
  outstandingTotal: Money
  payments: Payment[]
  fulfilments: Fulfilment[]
  refunds: Refund[]
}
/**
 * OrderLine, as it is sent.
 */
export interface OrderLine {
  id: string
  sku: string | null
  productId: string | null
  handle: string | null
  name: string
  variantName: string
  image: string | null
  kind: 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'
  seller: string | null
  quantity: number
  options: {
    [k: string]: string | number | boolean
  }
  note: string | null
  attributes: {
    [k: string]: string | number | boolean | null
  }
  amount: Money | null
  parts: {
    sku: string
    quantity: number
  }[]
  plan: string | null
  priceSource: 'catalog' | 'external' | 'inline'
  unitPrice: Money
  priceWhenAdded: Money
  listPrice: Money | null
  itemTotal: Money
  discountTotal: Money
  total: Money
  adjustments: Adjustment[]
  requiresShipping: boolean
  /**
   * external: a server set its taxes; they are never computed anew
   */
  taxSource: 'rates' | 'external'
  giftOf: string | null
  state: 'AVAILABLE' | 'UNAVAILABLE'
  addedAt: string
  /**
   * Pieces that will not be delivered
   */
  cancelledQuantity: number
  /**
   * Pieces that were handed over
   */
  fulfilledQuantity: number
  /**
   * Pieces that went back into stock
   */
  restockedQuantity: number
  taxCategory: string | null
  /**
   * What one piece weighed
   */
  grams: number
  taxes:
    | {
        name: string
        /**
         * A decimal string: "19", "7.7"
         */
        percent: string
        included: boolean
      }[]
    | null
}
/**
 * Payment, as it is sent.
 */
export interface Payment {
  id: string
  provider: string
  state: 'OPENING' | 'PENDING' | 'AUTHORIZED' | 'PAID' | 'FAILED' | 'CANCELLED' | 'REFUNDED'
  amount: Money
  captured: Money
  method: string | null
  instructions: string | null
  reference: string | null
  paidAt: string | null
  reason: string | null
  createdAt: string
  updatedAt: string
}
/**
 * Fulfilment, as it is sent.
 */
export interface Fulfilment {
  id: string
  state: 'PENDING' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED'
  lines: {
    lineId: string
    quantity: number
  }[]
  carrier: string | null
  trackingNumber: string | null
  trackingUrl: string | null
  expectedAt: string | null
  shippedAt: string | null
  deliveredAt: string | null
  note: string | null
  createdAt: string
  updatedAt: string
}
/**
 * Refund, as it is sent.
 */
export interface Refund {
  id: string
  /**
   * The same for refunds asked for together, because one payment had not enough
   */
  groupId: string
  paymentId: string
  amount: Money
  state: 'PENDING' | 'SUCCEEDED' | 'FAILED'
  reason: string | null
  lines: {
    lineId: string
    quantity: number
    amount: Money
    restocked: boolean
  }[]
  shipping: Money
  failure: string | null
  by: 'guest' | 'account' | 'server' | 'staff' | 'system'
  createdAt: string
}
/**
 * OrderEdited, as it is sent.
 */
export interface OrderEdited {
  order: Order
  /**
   * What it costs more, or less where negative, total by total
   */
  difference: {
    itemTotal: Money
    discountTotal: Money
    shippingTotal: Money
    includedTaxTotal: Money
    additionalTaxTotal: Money
    total: Money
  }
  warnings: Notice[]
  /**
   * Of a preview: what stands in the way; an edit with errors is refused, and nothing is written
   */
  errors: {
    code: string
    path?: string
    message: string
    [k: string]: unknown
  }[]
  /**
   * false: a preview, nothing was written
   */
  applied: boolean
}
/**
 * Reordered, as it is sent.
 */
export interface Reordered {
  cart: Cart
  report: {
    /**
     * The order's line
     */
    lineId: string
    sku: string | null
    name: string
    outcome: 'added' | 'clamped' | 'unavailable' | 'skipped'
    /**
     * Pieces that were bought and not cancelled
     */
    asked: number
    /**
     * Pieces that the cart has more
     */
    got: number
    code: string | null
    priceThen: Money
    priceNow: Money | null
  }[]
}
/**
 * Product, as it is sent.
 */
export interface Product {
  id: string
  handle: string
  name: string
  description: string
  vendor?: string
  seller?: string
  productType?: string
  /**
   * @maxItems 250
   */
  tags: string[]
  /**
   * @maxItems 50
   */
  categories?: string[]
  kind: 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'
  published: boolean
  /**
   * @maxItems 250
   */
  images: {
    src: string
    alt?: string
  }[]
  taxCategory: string
  shippingCategory?: string
  recharge?: {
    /**
     * ISO 4217 code
     */
    currency: string
    /**
     * @maxItems 100
     */
    presets: number[]
    allowCustom: boolean
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    min?: number
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    max?: number
    step?: number
  }
  /**
   * @maxItems 50
   */
  plans?: Plan[]
  /**
   * @minItems 1
   * @maxItems 250
   */
  variants: Variant[]
}
/**
 * Plan, as it is sent.
 */
export interface Plan {
  id: string
  name: string
  /**
   * ISO 8601 duration of one unit: P7D, P2W, P1M, P1Y
   */
  interval: string
  price: {
    /**
     * ISO 4217 code
     */
    currency: string
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    amount: number
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    listAmount?: number
  }
  /**
   * An account has one at a time: of this product (true), or of all plans of this group
   */
  exclusive?: boolean | string
  /**
   * It ends by itself after so many periods
   */
  maxPeriods?: number
}
/**
 * Variant, as it is sent.
 */
export interface Variant {
  sku: string
  name: string
  options: {
    [k: string]: string
  }
  /**
   * @maxItems 200
   */
  prices: {
    /**
     * ISO 4217 code
     */
    currency: string
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    amount: number
    /**
     * Integer minor units of the currency (1999 is 19.99 USD)
     */
    listAmount?: number
    /**
     * From how many pieces of the sku in the cart it applies
     */
    quantityFrom?: number
    group?: string
    /**
     * From this moment on
     */
    startsAt?: string
    /**
     * Until this moment, exclusive
     */
    endsAt?: string
  }[]
  stockPolicy: 'untracked' | 'deny' | 'continue'
  onHand?: number
  requiresShipping: boolean
  taxable: boolean
  grams: number
  barcode?: string
  image?: string
  quantityStep?: number
  quantityMin?: number
  quantityMax?: number
  /**
   * @minItems 1
   * @maxItems 50
   */
  parts?: {
    sku: string
    quantity: number
  }[]
}
/**
 * Promotion, as it is sent.
 */
export interface Promotion {
  id: string
  name: string
  active: boolean
  startsAt: string | null
  endsAt: string | null
  lane: number
  priority: number
  group: string | null
  exclusive: boolean
  stops: boolean
  percentBase: string | null
  cap: Amounts | null
  usesMax: number | null
  perCustomer: {
    uses: number
    within: string | null
  } | null
  budget: Amounts | null
  tellsReasons: boolean
  uses: number
  /**
   * @maxItems 20
   */
  conditions: Condition[]
  benefit: Benefit
}
/**
 * Lines that are in every list that is given and in none of the lists of `except`; `products` are ids or handles
 */
export interface Targets {
  /**
   * @minItems 1
   * @maxItems 200
   */
  skus?: string[]
  /**
   * @minItems 1
   * @maxItems 200
   */
  products?: string[]
  /**
   * @minItems 1
   * @maxItems 200
   */
  categories?: string[]
  /**
   * @minItems 1
   * @maxItems 200
   */
  tags?: string[]
  except?: {
    /**
     * @minItems 1
     * @maxItems 200
     */
    skus?: string[]
    /**
     * @minItems 1
     * @maxItems 200
     */
    products?: string[]
    /**
     * @minItems 1
     * @maxItems 200
     */
    categories?: string[]
    /**
     * @minItems 1
     * @maxItems 200
     */
    tags?: string[]
  }
}
/**
 * Explanation, as it is sent.
 */
export interface Explanation {
  cart: Cart
  pricedAt: string
  /**
   * Moves with the catalogue, promotions and settings of the shop
   */
  epoch: number
  codes: {
    code: string
    applied: boolean
    reason: string | null
  }[]
  /**
   * In the order in which they ran
   */
  promotions: {
    promotionId: string
    name: string
    lane: number
    priority: number
    code: string | null
    outcome: 'applied' | 'not_applied'
    reason: string | null
    conditions: {
      /**
       * Where it stands in the promotion: /conditions/0
       */
      path: string
      kind: string
      holds: boolean
      reason: string | null
      /**
       * What was compared
       */
      saw: {
        [k: string]: unknown
      }
    }[]
    /**
     * What it took off, in minor units
     */
    discount: number
  }[]
  rates: {
    kind: 'price' | 'shipping' | 'tax'
    /**
     * A line, or shipping
     */
    of: string
    id: string
    chosen: boolean
    reason: string | null
    /**
     * What was compared
     */
    saw: {
      [k: string]: unknown
    }
  }[]
  roundings: {
    what: string
    of: string
    /**
     * Before rounding, in minor units: a decimal or a fraction
     */
    exact: string
    rounded: number
    rounding: 'halfUp' | 'halfEven' | 'halfDown'
  }[]
  totals: {
    type: 'item' | 'promotion' | 'shipping' | 'tax'
    label: string
    amount: number
    /**
     * A line, or shipping
     */
    of: string
    /**
     * True: contained in other parts. The total is the sum of the others
     */
    included: boolean
  }[]
  /**
   * The same for people: a sentence for each step
   */
  summary: string[]
  /**
   * With facts=true: all that the price rests on, for cartwright replay
   */
  facts?: {
    [k: string]: unknown
  }
}
/**
 * Email, as it is sent.
 */
export interface Email {
  id: string
  orderId: string | null
  cartId: string | null
  kind: string
  status: string | null
  recipient: string
  language: string | null
  subject: string | null
  state: 'QUEUED' | 'SENDING' | 'SENT' | 'FAILED' | 'SUPPRESSED'
  attempts: number
  dueAt: string | null
  error: string | null
  messageId: string | null
  /**
   * Whose change it told, or who sent it by hand
   */
  by: string
  createdAt: string
  sentAt: string | null
}
/**
 * Subscription, as it is sent.
 */
export interface Subscription {
  id: string
  shopId: string
  state: 'PENDING' | 'ACTIVE' | 'PAST_DUE' | 'CANCELLED' | 'EXPIRED'
  accountId: string
  sku: string
  name: string
  variantName: string
  plan: {
    id: string
    name: string
    interval: string
  }
  quantity: number
  unitPrice: Money
  /**
   * What a period cost in all when it was ordered
   */
  total: {
    amount: number
    currency: string
  }
  email: string | null
  provider: string | null
  billedBy: 'provider' | 'shop'
  firstOrderId: string
  /**
   * The order of the period that runs
   */
  latestOrderId: string
  renewalOrderId: string | null
  /**
   * How many periods have begun; 0: its money is not there
   */
  periods: number
  maxPeriods: number | null
  currentPeriodStart: string | null
  currentPeriodEnd: string | null
  nextRenewalAt: string | null
  /**
   * How often the renewal that is due was not paid
   */
  attempts: number
  cancelAtPeriodEnd: boolean
  endReason: ('cancelled' | 'not_paid' | 'renewal_cancelled' | 'periods_over' | 'never_paid' | 'ended_by_provider') | null
  endedAt: string | null
  version: number
  createdAt: string
  updatedAt: string
}
