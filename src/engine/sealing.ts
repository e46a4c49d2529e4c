// What must be kept but not read by whoever sees the database: sealed with AES-256-GCM under a key that HKDF-SHA256 derives from a secret, the
// place where it belongs and its purpose. What was sealed for one place opens at no other.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Seals a text. `place` names what it belongs to, `purpose` what it is for. */
export function seal(text: string, secret: string, place: string, purpose: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, place, purpose), iv)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}

/** Opens what `seal` made; null when secret, place or purpose is another one, or it was changed. */
export function unseal(sealed: string, secret: string, place: string, purpose: string): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret, place, purpose), bytes.subarray(0, 12), { authTagLength: 16 })
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function keyOf(secret: string, place: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, place, purpose, 32))
}
