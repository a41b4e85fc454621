import { render } from 'preact';
import { App } from './app.tsx';
import { resume } from './session/session.ts';

const root = document.getElementById('desk');
if (root !== null) render(<App />, root);
void resume();
// The link, in a tab that has the desk open already.
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#sign-in=')) void resume();
});
