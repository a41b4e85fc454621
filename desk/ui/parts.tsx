import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Call } from '../../client/index.ts';
import { stateWord } from './words.ts';

export function Title({ children, page }: { children: ComponentChildren; page: string }) {
  useEffect(() => {
    document.title = `${page} · Trunkline`;
  }, [page]);
  return <h1>{children}</h1>;
}

export function State({ state }: { state: Call['state'] }) {
  return <span class={`state ${state}`}>{stateWord(state)}</span>;
}

/** What is so, and what to do. */
export function Nothing({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Trouble({ children }: { children: ComponentChildren }) {
  return (
    <p role="alert" class="trouble">
      {children}
    </p>
  );
}
