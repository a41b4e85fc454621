/**
 * How long a caller who has lost the agent is left in silence before they are told, or released, ms.
 * People say "Hello?" after some 5 s and hang up a little later; a worker that is started again on a
 * busy machine takes calls after 2 to 5 s (measured, 4 processes too many on 2 cores).
 */
export const SILENCE_MS = 8_000;
