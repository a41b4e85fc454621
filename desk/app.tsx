import { LocationProvider, Route, Router, lazy, useLocation } from 'preact-iso';
import { connection } from './live/live-calls.ts';
import { Live } from './live/live.tsx';
import { end, session } from './session/session.ts';
import { SignIn } from './session/sign-in.tsx';

const Calls = lazy(() => import('./calls/calls.tsx').then(({ Calls }) => Calls));
const OneCall = lazy(() => import('./calls/one-call.tsx').then(({ OneCall }) => OneCall));
const Refused = lazy(() => import('./calls/refused.tsx').then(({ Refused }) => Refused));
const Talk = lazy(() => import('./talk/talk.tsx').then(({ Talk }) => Talk));

export function App() {
  if (session.value === undefined) return null;
  if (session.value === null) return <SignIn />;
  return (
    <LocationProvider>
      <a class="skip" href="#main">
        To the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Router>
          <Route path="/desk/" component={Live} />
          <Route path="/desk/talk" component={Talk} />
          <Route path="/desk/calls" component={Calls} />
          <Route path="/desk/refused" component={Refused} />
          <Route path="/desk/calls/:id" component={OneCall} />
          <Route default component={NotFound} />
        </Router>
      </main>
    </LocationProvider>
  );
}

const PAGES = [
  ['/desk/', 'Live'],
  ['/desk/calls', 'Calls'],
  ['/desk/talk', 'Talk'],
] as const;

function Header() {
  const { path } = useLocation();
  const isHere = (href: string) =>
    href === '/desk/' ? path === href : path === href || path.startsWith(`${href}/`);
  return (
    <header class="top">
      <a class="brand" href="/desk/">
        Trunkline
      </a>
      <nav aria-label="Pages">
        {PAGES.map(([href, name]) => (
          <a key={href} href={href} aria-current={isHere(href) ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <Connection />
      <button class="quiet" onClick={() => void end()}>
        Sign out
      </button>
    </header>
  );
}

/** Whether what is shown is still so. */
function Connection() {
  const texts = { connecting: 'connecting …', open: 'live', lost: 'connection lost, trying again' };
  return (
    <p class={`connection ${connection.value}`} role="status">
      {texts[connection.value]}
    </p>
  );
}

function NotFound() {
  return (
    <section class="empty">
      <h1>There is no such page</h1>
      <p>
        <a href="/desk/calls">All calls</a>
      </p>
    </section>
  );
}
