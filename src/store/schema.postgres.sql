-- What the migrations make of PostgreSQL: for reading only, kept equal by test/migrations.test.ts.

CREATE TABLE account_emails (
  shop_id text NOT NULL,
  email text NOT NULL,
  account text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, email, account)
);

CREATE TABLE api_keys (
  shop_id text NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  scopes text NOT NULL,
  hash text NOT NULL,
  created_at bigint NOT NULL,
  revoked_at bigint,
  PRIMARY KEY (shop_id, id)
);

CREATE TABLE attempts (
  shop_id text NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  count bigint NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (shop_id, kind, subject)
);
CREATE INDEX attempts_age ON attempts USING btree (expires_at);

CREATE TABLE audit (
  shop_id text NOT NULL,
  id text NOT NULL,
  at bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  before text,
  after text,
  PRIMARY KEY (shop_id, id)
);

CREATE TABLE balance_entries (
  shop_id text NOT NULL,
  id text NOT NULL,
  account text NOT NULL,
  currency text NOT NULL,
  kind text NOT NULL,
  amount bigint NOT NULL,
  balance_after bigint NOT NULL,
  cause text NOT NULL,
  order_id text,
  line_id text,
  payment_id text,
  refund_id text,
  actor text NOT NULL,
  message text,
  at bigint NOT NULL,
  PRIMARY KEY (shop_id, id)
);
CREATE INDEX balance_entries_account ON balance_entries USING btree (shop_id, account, id);
CREATE UNIQUE INDEX balance_entries_cause ON balance_entries USING btree (shop_id, cause);
CREATE INDEX balance_entries_order ON balance_entries USING btree (shop_id, order_id, id) WHERE (order_id IS NOT NULL);

CREATE TABLE balances (
  shop_id text NOT NULL,
  account text NOT NULL,
  currency text NOT NULL,
  amount bigint NOT NULL,
  version bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, account, currency)
);

CREATE TABLE cart_history (
  shop_id text NOT NULL,
  cart_id text NOT NULL,
  version bigint NOT NULL,
  at bigint NOT NULL,
  entry text NOT NULL,
  PRIMARY KEY (shop_id, cart_id, version)
);
CREATE INDEX cart_history_age ON cart_history USING btree (shop_id, at);

CREATE TABLE carts (
  shop_id text NOT NULL,
  id text NOT NULL,
  owner text NOT NULL,
  type text NOT NULL,
  state text NOT NULL,
  version bigint NOT NULL,
  number text NOT NULL,
  email text,
  format bigint NOT NULL,
  epoch bigint NOT NULL,
  revision bigint NOT NULL,
  fresh_until bigint,
  stock_seen text,
  activity bigint NOT NULL,
  expires_at bigint,
  created_at bigint NOT NULL,
  intent text NOT NULL,
  priced text NOT NULL,
  is_current bigint DEFAULT 1 NOT NULL,
  due_at bigint,
  abandoned_at bigint,
  last_change text,
  PRIMARY KEY (shop_id, id),
  CHECK ((state = ANY (ARRAY['OPEN'::text, 'CLOSED'::text])))
) WITH (fillfactor=50);
CREATE INDEX carts_by_number ON carts USING btree (shop_id, number);
CREATE INDEX carts_by_owner ON carts USING btree (shop_id, owner, id);
CREATE INDEX carts_due ON carts USING btree (due_at, shop_id, id) WHERE (due_at IS NOT NULL);
CREATE UNIQUE INDEX carts_one_open ON carts USING btree (shop_id, owner, type) WHERE ((state = 'OPEN'::text) AND (is_current = 1));

CREATE TABLE deliveries (
  shop_id text NOT NULL,
  id text NOT NULL,
  endpoint_id text NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  data text NOT NULL,
  state text NOT NULL,
  attempts bigint NOT NULL,
  due_at bigint NOT NULL,
  leased_until bigint NOT NULL,
  created_at bigint NOT NULL,
  delivered_at bigint,
  last_status bigint,
  last_error text,
  occurred_at bigint DEFAULT 0 NOT NULL,
  PRIMARY KEY (shop_id, id)
);
CREATE INDEX deliveries_by_endpoint ON deliveries USING btree (shop_id, endpoint_id, id);
CREATE INDEX deliveries_by_subject ON deliveries USING btree (shop_id, subject, id);
CREATE UNIQUE INDEX deliveries_coalesced ON deliveries USING btree (shop_id, endpoint_id, subject) WHERE ((type = 'cart.updated'::text) AND (state = 'PENDING'::text));
CREATE INDEX deliveries_dead ON deliveries USING btree (shop_id, endpoint_id, id) WHERE (state = 'DEAD'::text);
CREATE INDEX deliveries_due ON deliveries USING btree (shop_id, endpoint_id, due_at, id) WHERE (state = 'PENDING'::text);
CREATE INDEX deliveries_in_order ON deliveries USING btree (shop_id, endpoint_id, subject, id) WHERE (state = ANY (ARRAY['PENDING'::text, 'SENDING'::text]));
CREATE INDEX deliveries_left ON deliveries USING btree (created_at) WHERE (state = ANY (ARRAY['PENDING'::text, 'SENDING'::text, 'DEAD'::text]));
CREATE INDEX deliveries_over ON deliveries USING btree (created_at) WHERE (state = ANY (ARRAY['DELIVERED'::text, 'SUPERSEDED'::text]));
CREATE INDEX deliveries_sending ON deliveries USING btree (shop_id, endpoint_id, leased_until) WHERE (state = 'SENDING'::text);

CREATE TABLE delivery_attempts (
  shop_id text NOT NULL,
  delivery_id text NOT NULL,
  attempt bigint NOT NULL,
  at bigint NOT NULL,
  duration_ms bigint NOT NULL,
  status bigint,
  answer text,
  error text,
  PRIMARY KEY (shop_id, delivery_id, attempt),
  FOREIGN KEY (shop_id, delivery_id) REFERENCES deliveries(shop_id, id) ON DELETE CASCADE
);

CREATE TABLE email_templates (
  shop_id text NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  language text NOT NULL,
  subject text NOT NULL,
  html text NOT NULL,
  body text NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, kind, status, language)
);

CREATE TABLE emails (
  shop_id text NOT NULL,
  id text NOT NULL,
  order_id text,
  cart_id text,
  kind text NOT NULL,
  status text NOT NULL,
  recipient text NOT NULL,
  language text,
  subject text,
  state text NOT NULL,
  attempts bigint NOT NULL,
  due_at bigint NOT NULL,
  leased_until bigint NOT NULL,
  error text,
  message_id text,
  data text NOT NULL,
  actor text NOT NULL,
  created_at bigint NOT NULL,
  sent_at bigint,
  PRIMARY KEY (shop_id, id)
);
CREATE INDEX emails_due ON emails USING btree (due_at) WHERE (state = ANY (ARRAY['QUEUED'::text, 'SENDING'::text]));
CREATE INDEX emails_kept ON emails USING btree (shop_id, created_at);
CREATE INDEX emails_order ON emails USING btree (shop_id, order_id, id) WHERE (order_id IS NOT NULL);
CREATE INDEX emails_state ON emails USING btree (shop_id, state, id);

CREATE TABLE endpoints (
  shop_id text NOT NULL,
  id text NOT NULL,
  url text NOT NULL,
  types text NOT NULL,
  secret text NOT NULL,
  active bigint NOT NULL,
  created_at bigint NOT NULL,
  description text,
  updated_at bigint DEFAULT 0 NOT NULL,
  previous_secret text,
  previous_until bigint,
  paused_at bigint,
  stopped_reason text,
  failures bigint DEFAULT 0 NOT NULL,
  failing_since bigint,
  last_success_at bigint,
  last_failure_at bigint,
  held_until bigint DEFAULT 0 NOT NULL,
  PRIMARY KEY (shop_id, id)
);

CREATE TABLE epoch_log (
  shop_id text NOT NULL,
  epoch bigint NOT NULL,
  skus text,
  PRIMARY KEY (shop_id, epoch)
);

CREATE TABLE epochs (
  shop_id text NOT NULL,
  epoch bigint NOT NULL,
  PRIMARY KEY (shop_id)
);

CREATE TABLE fulfilments (
  shop_id text NOT NULL,
  id text NOT NULL,
  order_id text NOT NULL,
  state text NOT NULL,
  document text NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, id),
  FOREIGN KEY (shop_id, order_id) REFERENCES orders(shop_id, id)
);
CREATE INDEX fulfilments_by_order ON fulfilments USING btree (shop_id, order_id, id);

CREATE TABLE guest_secrets (
  shop_id text NOT NULL,
  guest_id text NOT NULL,
  hash text NOT NULL,
  created_at bigint NOT NULL,
  revoked_at bigint,
  cart_id text,
  device text,
  PRIMARY KEY (shop_id, guest_id, hash),
  FOREIGN KEY (shop_id, guest_id) REFERENCES guests(shop_id, id) ON DELETE CASCADE
);
CREATE INDEX guest_secrets_revoked ON guest_secrets USING btree (revoked_at) WHERE (revoked_at IS NOT NULL);

CREATE TABLE guests (
  shop_id text NOT NULL,
  id text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, id)
);

CREATE TABLE idempotency (
  shop_id text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  outcome text NOT NULL,
  sealed text,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, key)
);
CREATE INDEX idempotency_age ON idempotency USING btree (created_at);

CREATE TABLE instance (
  name text NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (name)
);

CREATE TABLE merges (
  shop_id text NOT NULL,
  cart_id text NOT NULL,
  guest_id text NOT NULL,
  account text NOT NULL,
  into_cart text NOT NULL,
  report text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, cart_id)
);
CREATE INDEX merges_age ON merges USING btree (created_at);

CREATE TABLE migrations (
  name character varying(255) NOT NULL,
  timestamp character varying(255) NOT NULL,
  PRIMARY KEY (name)
);

CREATE TABLE migrations_lock (
  id character varying(255) NOT NULL,
  is_locked integer DEFAULT 0 NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE order_history (
  shop_id text NOT NULL,
  order_id text NOT NULL,
  id text NOT NULL,
  version bigint NOT NULL,
  at bigint NOT NULL,
  actor text NOT NULL,
  entry text NOT NULL,
  PRIMARY KEY (shop_id, order_id, id),
  FOREIGN KEY (shop_id, order_id) REFERENCES orders(shop_id, id)
);

CREATE TABLE order_revisions (
  shop_id text NOT NULL,
  order_id text NOT NULL,
  revision bigint NOT NULL,
  at bigint NOT NULL,
  actor text NOT NULL,
  entry text NOT NULL,
  document text NOT NULL,
  PRIMARY KEY (shop_id, order_id, revision),
  FOREIGN KEY (shop_id, order_id) REFERENCES orders(shop_id, id)
);

CREATE TABLE orders (
  shop_id text NOT NULL,
  id text NOT NULL,
  cart_id text,
  whole bigint NOT NULL,
  state text NOT NULL,
  owner text NOT NULL,
  email text,
  number text,
  reference text,
  content_hash text NOT NULL,
  document text NOT NULL,
  ordered_lines text NOT NULL,
  currency text NOT NULL,
  total bigint NOT NULL,
  version bigint NOT NULL,
  placed_at bigint,
  created_at bigint NOT NULL,
  expires_at bigint,
  held_until bigint,
  expected_total bigint NOT NULL,
  customer_email text,
  status text DEFAULT 'new'::text NOT NULL,
  payment_state text DEFAULT 'NONE'::text NOT NULL,
  fulfilment_state text DEFAULT 'UNFULFILLED'::text NOT NULL,
  cancelled bigint DEFAULT 0 NOT NULL,
  money_kept smallint DEFAULT 0 NOT NULL,
  token_generation bigint DEFAULT 0 NOT NULL,
  PRIMARY KEY (shop_id, id),
  CHECK ((total >= 0))
);
CREATE INDEX orders_by_cart ON orders USING btree (shop_id, cart_id, id);
CREATE INDEX orders_by_customer ON orders USING btree (shop_id, customer_email) WHERE ((customer_email IS NOT NULL) AND (placed_at IS NOT NULL));
CREATE INDEX orders_by_fulfilment ON orders USING btree (shop_id, fulfilment_state, id) WHERE (placed_at IS NOT NULL);
CREATE UNIQUE INDEX orders_by_number ON orders USING btree (shop_id, number) WHERE (placed_at IS NOT NULL);
CREATE INDEX orders_by_owner ON orders USING btree (shop_id, owner, id);
CREATE INDEX orders_by_payment ON orders USING btree (shop_id, payment_state, id) WHERE (placed_at IS NOT NULL);
CREATE UNIQUE INDEX orders_by_reference ON orders USING btree (shop_id, reference) WHERE (reference IS NOT NULL);
CREATE INDEX orders_by_status ON orders USING btree (shop_id, status, id) WHERE (placed_at IS NOT NULL);
CREATE INDEX orders_by_time ON orders USING btree (shop_id, placed_at) WHERE (placed_at IS NOT NULL);
CREATE UNIQUE INDEX orders_one_new ON orders USING btree (shop_id, cart_id) WHERE ((state = 'NEW'::text) AND (cart_id IS NOT NULL));
CREATE UNIQUE INDEX orders_one_placed ON orders USING btree (shop_id, cart_id) WHERE ((placed_at IS NOT NULL) AND (whole = 1) AND (cart_id IS NOT NULL));
CREATE INDEX orders_unpaid ON orders USING btree (expires_at) WHERE (state = 'NEW'::text);

CREATE TABLE payment_actions (
  shop_id text NOT NULL,
  id text NOT NULL,
  payment_id text NOT NULL,
  order_id text NOT NULL,
  kind text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  state text NOT NULL,
  reason text,
  created_at bigint NOT NULL,
  due_at bigint NOT NULL,
  attempts bigint DEFAULT 0 NOT NULL,
  PRIMARY KEY (shop_id, id),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments(shop_id, id),
  CHECK ((amount >= 0))
);
CREATE INDEX payment_actions_by_order ON payment_actions USING btree (shop_id, order_id, payment_id, id);
CREATE INDEX payment_actions_due ON payment_actions USING btree (due_at) WHERE (state = 'PENDING'::text);
CREATE UNIQUE INDEX payment_actions_under_way ON payment_actions USING btree (shop_id, payment_id) WHERE (state = 'PENDING'::text);

CREATE TABLE payments (
  shop_id text NOT NULL,
  id text NOT NULL,
  order_id text NOT NULL,
  provider text NOT NULL,
  state text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  session_id text,
  token text,
  url text,
  return_url text,
  reason text,
  version bigint NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  checked_at bigint NOT NULL,
  leased_until bigint NOT NULL,
  captured bigint DEFAULT 0 NOT NULL,
  method text,
  instructions text,
  reference text,
  paid_at bigint,
  capture text DEFAULT 'automatic'::text NOT NULL,
  origin text,
  PRIMARY KEY (shop_id, id),
  FOREIGN KEY (shop_id, order_id) REFERENCES orders(shop_id, id),
  CHECK ((amount >= 0))
);
CREATE INDEX payments_by_order ON payments USING btree (shop_id, order_id, id);
CREATE INDEX payments_by_session ON payments USING btree (shop_id, session_id) WHERE (session_id IS NOT NULL);
CREATE INDEX payments_running ON payments USING btree (checked_at) WHERE (state = ANY (ARRAY['OPENING'::text, 'PENDING'::text, 'FAILED'::text]));

CREATE TABLE prices (
  shop_id text NOT NULL,
  sku text NOT NULL,
  currency text NOT NULL,
  position bigint NOT NULL,
  amount bigint NOT NULL,
  list_amount bigint,
  quantity_from bigint,
  customer_group text,
  starts_at bigint,
  ends_at bigint,
  PRIMARY KEY (shop_id, sku, currency, "position"),
  FOREIGN KEY (shop_id, sku) REFERENCES variants(shop_id, sku) ON DELETE CASCADE,
  CHECK ((amount >= 0))
);

CREATE TABLE products (
  shop_id text NOT NULL,
  id text NOT NULL,
  handle text NOT NULL,
  published bigint NOT NULL,
  position bigint NOT NULL,
  document text NOT NULL,
  hash text NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, id)
);
CREATE UNIQUE INDEX products_by_handle ON products USING btree (shop_id, handle);

CREATE TABLE promotion_codes (
  shop_id text NOT NULL,
  code text NOT NULL,
  promotion_id text NOT NULL,
  uses_max bigint,
  uses bigint NOT NULL,
  batch text,
  active bigint DEFAULT 1 NOT NULL,
  PRIMARY KEY (shop_id, code),
  FOREIGN KEY (shop_id, promotion_id) REFERENCES promotions(shop_id, id) ON DELETE CASCADE,
  CHECK ((uses >= 0))
);
CREATE INDEX promotion_codes_batch ON promotion_codes USING btree (shop_id, promotion_id, batch, code);
CREATE INDEX promotion_codes_by_promotion ON promotion_codes USING btree (shop_id, promotion_id, code);

CREATE TABLE promotions (
  shop_id text NOT NULL,
  id text NOT NULL,
  document text NOT NULL,
  uses bigint NOT NULL,
  updated_at bigint NOT NULL,
  spent text DEFAULT '{}'::text NOT NULL,
  PRIMARY KEY (shop_id, id),
  CHECK ((uses >= 0))
);

CREATE TABLE provider_accounts (
  shop_id text NOT NULL,
  provider text NOT NULL,
  sealed text NOT NULL,
  hint text NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, provider)
);

CREATE TABLE provider_events (
  shop_id text NOT NULL,
  provider text NOT NULL,
  event_id text NOT NULL,
  document text NOT NULL,
  received_at bigint NOT NULL,
  applied_at bigint,
  due_at bigint NOT NULL,
  attempts bigint NOT NULL,
  outcome text,
  PRIMARY KEY (shop_id, provider, event_id)
);
CREATE INDEX provider_events_waiting ON provider_events USING btree (due_at) WHERE (applied_at IS NULL);

CREATE TABLE quotes (
  shop_id text NOT NULL,
  cart_id text NOT NULL,
  kind text NOT NULL,
  request text NOT NULL,
  answer text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, cart_id, kind)
);
CREATE INDEX quotes_age ON quotes USING btree (created_at);

CREATE TABLE redemptions (
  shop_id text NOT NULL,
  order_id text NOT NULL,
  promotion_id text NOT NULL,
  code text,
  state text NOT NULL,
  created_at bigint NOT NULL,
  account text,
  email text,
  amount bigint DEFAULT 0 NOT NULL,
  currency text,
  PRIMARY KEY (shop_id, order_id, promotion_id)
);
CREATE INDEX redemptions_by_account ON redemptions USING btree (shop_id, account, promotion_id) WHERE (account IS NOT NULL);
CREATE INDEX redemptions_by_email ON redemptions USING btree (shop_id, email, promotion_id) WHERE (email IS NOT NULL);
CREATE INDEX redemptions_by_promotion ON redemptions USING btree (shop_id, promotion_id, order_id);
CREATE INDEX redemptions_reserved ON redemptions USING btree (shop_id, promotion_id, code, order_id) WHERE (state = 'RESERVED'::text);

CREATE TABLE refunds (
  shop_id text NOT NULL,
  id text NOT NULL,
  payment_id text NOT NULL,
  order_id text NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  created_at bigint NOT NULL,
  due_at bigint NOT NULL,
  attempts bigint NOT NULL,
  group_id text DEFAULT ''::text NOT NULL,
  actor text DEFAULT 'system'::text NOT NULL,
  content text DEFAULT '{"lines":[],"shipping":0}'::text NOT NULL,
  failure text,
  PRIMARY KEY (shop_id, id),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments(shop_id, id),
  CHECK ((amount > 0))
);
CREATE INDEX refunds_by_order ON refunds USING btree (shop_id, order_id, id);
CREATE INDEX refunds_pending ON refunds USING btree (due_at) WHERE (state = 'PENDING'::text);

CREATE TABLE reservations (
  shop_id text NOT NULL,
  sku text NOT NULL,
  holder text NOT NULL,
  order_id text NOT NULL,
  quantity bigint NOT NULL,
  expires_at bigint NOT NULL,
  owner text DEFAULT ''::text NOT NULL,
  PRIMARY KEY (shop_id, sku, holder),
  CHECK ((quantity > 0))
);
CREATE INDEX reservations_by_holder ON reservations USING btree (shop_id, holder);
CREATE INDEX reservations_by_order ON reservations USING btree (shop_id, order_id);

CREATE TABLE sandbox_sessions (
  shop_id text NOT NULL,
  id text NOT NULL,
  attempt_id text NOT NULL,
  document text NOT NULL,
  version bigint NOT NULL,
  event_due_at bigint,
  PRIMARY KEY (shop_id, id)
);
CREATE UNIQUE INDEX sandbox_sessions_by_attempt ON sandbox_sessions USING btree (shop_id, attempt_id);
CREATE INDEX sandbox_sessions_due ON sandbox_sessions USING btree (event_due_at) WHERE (event_due_at IS NOT NULL);

CREATE TABLE sequences (
  shop_id text NOT NULL,
  name text NOT NULL,
  value bigint NOT NULL,
  PRIMARY KEY (shop_id, name)
);

CREATE TABLE settings (
  shop_id text NOT NULL,
  document text NOT NULL,
  version bigint NOT NULL,
  updated_at bigint NOT NULL,
  due_from text,
  PRIMARY KEY (shop_id)
);

CREATE TABLE shops (
  id text NOT NULL,
  name text NOT NULL,
  currency text NOT NULL,
  preset text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE stock (
  shop_id text NOT NULL,
  sku text NOT NULL,
  on_hand bigint NOT NULL,
  policy text NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, sku),
  CHECK (((on_hand >= 0) OR (policy <> 'deny'::text)))
);

CREATE TABLE subscription_orders (
  shop_id text NOT NULL,
  subscription_id text NOT NULL,
  period bigint NOT NULL,
  order_id text NOT NULL,
  invoice text,
  PRIMARY KEY (shop_id, subscription_id, period)
);
CREATE UNIQUE INDEX subscription_orders_invoice ON subscription_orders USING btree (shop_id, subscription_id, invoice) WHERE (invoice IS NOT NULL);

CREATE TABLE subscriptions (
  shop_id text NOT NULL,
  id text NOT NULL,
  account text NOT NULL,
  state text NOT NULL,
  begun bigint NOT NULL,
  slot text,
  due_at bigint,
  leased_until bigint NOT NULL,
  version bigint NOT NULL,
  document text NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (shop_id, id)
);
CREATE INDEX subscriptions_account ON subscriptions USING btree (shop_id, account, id);
CREATE INDEX subscriptions_due ON subscriptions USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE UNIQUE INDEX subscriptions_slot ON subscriptions USING btree (shop_id, slot) WHERE (slot IS NOT NULL);

CREATE TABLE variants (
  shop_id text NOT NULL,
  sku text NOT NULL,
  product_id text NOT NULL,
  position bigint NOT NULL,
  document text NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (shop_id, sku),
  FOREIGN KEY (shop_id, product_id) REFERENCES products(shop_id, id) ON DELETE CASCADE
);
CREATE INDEX variants_by_product ON variants USING btree (shop_id, product_id, "position");
