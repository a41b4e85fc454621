import { createHash, timingSafeEqual } from 'node:crypto';
import { jwtVerify } from 'jose';

const CLOCK_TOLERANCE_SECONDS = 10;

/** Rejects with an Error when the body was not signed by LiveKit with our secret, or long ago. */
export type VerifyWebhook = (body: Uint8Array, authorization: string | undefined) => Promise<void>;

/**
 * LiveKit signs a webhook with a JWT in `Authorization`, without a scheme (a proxy may have added
 * `Bearer`): HS256, `iss` = API key, `exp`, `sha256` = base64 of the body's hash.
 * Throws when the secret is empty: anybody could sign with that.
 */
export function createWebhookVerifier(apiKey: string, apiSecret: string): VerifyWebhook {
  if (apiKey === '' || apiSecret === '') {
    throw new Error('the LiveKit API key or secret is empty: webhooks cannot be verified');
  }
  const secret = new TextEncoder().encode(apiSecret);
  return async (body, authorization) => {
    if (authorization === undefined) throw new Error('there is no Authorization header');
    const token = authorization.replace(/^Bearer\s+/i, '');
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ['HS256'],
      issuer: apiKey,
      requiredClaims: ['exp', 'sha256'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    const claimed = Buffer.from(String(payload['sha256']), 'base64');
    const actual = createHash('sha256').update(body).digest();
    if (claimed.length !== actual.length || !timingSafeEqual(claimed, actual)) {
      throw new Error('the body is not the one that was signed');
    }
  };
}
