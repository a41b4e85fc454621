/**
 * What a call is found by. Only `room` and `roomName` may name several calls; `call` is the id of
 * one that turned out to be this one.
 */
export interface Key {
  kind: 'sip' | 'participant' | 'job' | 'room' | 'roomName' | 'call';
  key: string;
}
