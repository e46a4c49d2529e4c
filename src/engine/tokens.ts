// Secrets that are shown: how they are made, recognised and checked. Guest secrets and keys are random and only their hash is kept; order tokens
// are signed and expire, so nothing is kept at all. Every comparison is in constant time.
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'

/** SHA-256 of a secret, as it is kept. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** Whether a secret has this hash, in constant time. */
export function matchesHash(secret: string, hash: string): boolean {
  const actual = Buffer.from(hashSecret(secret))
  const expected = Buffer.from(hash)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

/** A guest's token: `ct_<guest id>_<secret>`. */
export function guestToken(guestId: string, secret: string): string {
  return `ct_${guestId}_${secret}`
}

/** The parts of a guest's token, or null when it is not one. */
export function parseGuestToken(token: string): { guestId: string; secret: string } | null {
  const match = /^ct_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/.exec(token)
  return match?.[1] && match[2] ? { guestId: match[1], secret: match[2] } : null
}

/** The parts of a key `sk_<id>_<secret>` or `st_<id>_<secret>`, or null. */
export function parseKey(token: string): { kind: 'server' | 'staff'; keyId: string; secret: string } | null {
  const match = /^(sk|st)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/.exec(token)
  if (!match?.[2] || !match[3]) return null
  return { kind: match[1] === 'sk' ? 'server' : 'staff', keyId: `key_${match[2]}`, secret: match[3] }
}

/** Secrets of the installation that sign: the first one signs, all of them verify. */
export interface Signer {
  sign(text: string): string
  verify(text: string, signature: string): boolean
}

/** A signer over one or more secrets. */
export function createSigner(secrets: readonly string[]): Signer {
  const mac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('base64url')
  return {
    sign: (text) => mac(secrets[0] ?? '', text),
    verify: (text, signature) =>
      secrets.some((secret) => {
        const expected = Buffer.from(mac(secret, text))
        const actual = Buffer.from(signature)
        return expected.length === actual.length && timingSafeEqual(expected, actual)
      }),
  }
}

/** An order's token: `ot_<order id>_<expiry in seconds, base 36>_<signature>`; the same for the same order and expiry. */
export function orderToken(signer: Signer, shopId: string, orderId: string, expiresAt: number): string {
  const expiry = Math.floor(expiresAt / 1000).toString(36)
  return `ot_${orderId.slice('ord_'.length)}_${expiry}_${signer.sign(`order ${shopId} ${orderId} ${expiry}`)}`
}

/** The order that a token opens, or null when it is not genuine or has expired. */
export function openOrderToken(signer: Signer, shopId: string, token: string, now: number): string | null {
  const match = /^ot_([0-9a-f]{32})_([0-9a-z]{1,10})_([A-Za-z0-9_-]{43})$/.exec(token)
  if (!match?.[1] || !match[2] || !match[3]) return null
  const orderId = `ord_${match[1]}`
  if (!signer.verify(`order ${shopId} ${orderId} ${match[2]}`, match[3])) return null
  return Number.parseInt(match[2], 36) * 1000 > now ? orderId : null
}

/** Encrypts an answer's secret under a key that only the raw Idempotency-Key yields (HKDF-SHA256, AES-256-GCM). */
export function seal(secret: string, rawKey: string, scope: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(rawKey, scope), iv)
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** Decrypts what `seal` made; null when the key is another one. */
export function unseal(sealed: string, rawKey: string, scope: string): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey(rawKey, scope), bytes.subarray(0, 12))
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function sealingKey(rawKey: string, scope: string): Buffer {
  return Buffer.from(hkdfSync('sha256', rawKey, scope, 'cartwright idempotency', 32))
}
