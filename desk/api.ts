import { createClient } from '../client/index.ts';

/**
 * The public API, by the session's cookie. What another page could have this browser send lacks the
 * header.
 */
export const api = createClient({
  url: location.origin,
  fetch: (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set('trunkline-desk', '1');
    return fetch(input, { ...init, headers });
  },
});
