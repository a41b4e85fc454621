/** Sets by name. */
export class Groups<T> {
  readonly #groups = new Map<string, Set<T>>();

  of(name: string): readonly T[] {
    return [...(this.#groups.get(name) ?? [])];
  }

  ofAll(names: readonly string[]): readonly T[] {
    return names.flatMap((name) => this.of(name));
  }

  /** Nothing, when there is no name. */
  add(name: string | undefined, item: T): void {
    if (name === undefined) return;
    const group = this.#groups.get(name) ?? new Set();
    this.#groups.set(name, group.add(item));
  }

  remove(name: string | undefined, item: T): void {
    if (name !== undefined) this.#groups.get(name)?.delete(item);
  }
}
