/** What a table is booked for. */
export interface Booking {
  /** e.g. `four people` */
  readonly party?: string;
  /** e.g. `tomorrow` */
  readonly day?: string;
  /** e.g. `seven` */
  readonly time?: string;
  readonly name?: string;
}

/** What the desk still has to ask, or that it waits for a yes. */
export type Question = 'help' | 'party' | 'when' | 'time' | 'name' | 'confirm' | 'anything_else';

/** Questions and remarks that have one answer each. */
export type Topic =
  | 'hours'
  | 'address'
  | 'parking'
  | 'vegetarian'
  | 'high_chair'
  | 'window'
  | 'wait'
  | 'hearing'
  | 'manager'
  | 'change'
  | 'cancel'
  | 'number';

/** What a caller's words mean to the desk. */
export interface Understanding extends Booking {
  readonly intent?:
    | 'greeting'
    | 'book'
    | 'yes'
    | 'no'
    | 'thanks'
    | 'goodbye'
    | 'repeat'
    | 'backchannel'
    | undefined;
  readonly topic?: Topic | undefined;
}

/** A language of the restaurant desk. */
export interface Lines {
  readonly greeting: string;
  readonly ask: Record<Exclude<Question, 'confirm'>, string>;
  readonly answers: Record<Topic, string>;
  readonly notUnderstood: string;
  readonly apology: string;
  readonly goodbye: string;
  /** Handed to a person. */
  readonly transferring: string;
  readonly confirm: (booking: Required<Booking>) => string;
  /** @param number - digits of the confirmation number */
  readonly booked: (number: string) => string;
  readonly notBooked: string;
  /** What a caller may say when that is asked, of the phrases that the recogniser knows. */
  readonly sentences: Record<Question, readonly string[]>;
  readonly understand: (words: string) => Understanding;
}
