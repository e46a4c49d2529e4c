// Numbered migrations, in this order. A migration that has been published is never edited: the next one gets the next number.
import type { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { up as foundation } from './migrations/0001-foundation.ts'
import { up as lifetime } from './migrations/0002-lifetime.ts'
import { up as pricing } from './migrations/0003-pricing.ts'
import { up as orders } from './migrations/0004-orders.ts'
import { up as payments } from './migrations/0005-payments.ts'
import { up as fulfilments } from './migrations/0006-fulfilments.ts'
import { up as refunds } from './migrations/0007-refunds.ts'
import { up as editing } from './migrations/0008-editing.ts'
import { up as emails } from './migrations/0009-emails.ts'
import { up as webhooks } from './migrations/0010-webhooks.ts'
import { up as accounts } from './migrations/0011-accounts.ts'
import { up as limits } from './migrations/0012-limits.ts'
import { up as claims } from './migrations/0013-claims.ts'
import { up as balances } from './migrations/0015-balances.ts'
import { up as subscriptions } from './migrations/0016-subscriptions.ts'
import type { Tables } from './tables.ts'

const MIGRATIONS: Readonly<Record<string, (db: Kysely<Tables>) => Promise<void>>> = {
  '0001-foundation': foundation,
  '0002-lifetime': lifetime,
  '0003-pricing': pricing,
  '0004-orders': orders,
  '0005-payments': payments,
  '0006-fulfilments': fulfilments,
  '0007-refunds': refunds,
  '0008-editing': editing,
  '0009-emails': emails,
  '0010-webhooks': webhooks,
  '0011-accounts': accounts,
  '0012-limits': limits,
  '0013-claims': claims,
  '0015-balances': balances,
  '0016-subscriptions': subscriptions,
}

/** Runs what has not run yet. On PostgreSQL concurrent callers wait for each other. Throws when a migration fails; nothing is half done. */
export async function migrateToLatest(db: Kysely<Tables>): Promise<void> {
  const migrations = Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, up]) => [name, { up: (target: Kysely<unknown>) => up(target as Kysely<Tables>) }]),
  )
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw new Error('The database could not be migrated; nothing was changed. Cause: see below.', { cause: error })
}
