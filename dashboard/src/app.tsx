import { useEffect } from 'react';
import { Empty } from './ui/states';
import { Account } from './screens/account';
import { AgentScreen } from './screens/agent';
import { Home } from './screens/home';
import { Keys } from './screens/keys';
import { Shell } from './screens/shell';
import { SignIn } from './screens/sign-in';
import { LiveProvider } from './state/live';
import { useRoute } from './state/route';
import { SessionProvider, useSession } from './state/session';
import { ToastProvider } from './state/toasts';
import { TurnsProvider } from './state/turns';
import { Mark } from './ui/icons';

/** The owners' page. */
export function App() {
  return (
    <SessionProvider>
      <ToastProvider>
        <Gate />
      </ToastProvider>
    </SessionProvider>
  );
}

function Gate() {
  const { state, reload } = useSession();
  switch (state.kind) {
    case 'loading':
      return (
        <main className="splash" aria-busy="true" aria-label="Loading">
          <Mark size={44} />
        </main>
      );
    case 'unreachable':
      return (
        <main className="splash">
          <Empty icon="info" title="The server does not answer">
            {state.message}
          </Empty>
          <button type="button" className="button" onClick={() => void reload()}>
            Try again
          </button>
        </main>
      );
    case 'signed-out':
      return <SignIn />;
    case 'signed-in':
      return (
        <LiveProvider>
          <TurnsProvider>
            <Shell>
              <Screen />
            </Shell>
          </TurnsProvider>
        </LiveProvider>
      );
  }
}

const TITLES = { home: 'AgentChat', account: 'Account · AgentChat', keys: 'Gateway keys · AgentChat' } as const;

function Screen() {
  const route = useRoute();
  useEffect(() => {
    if (route.screen !== 'agent') document.title = TITLES[route.screen];
  }, [route.screen]);
  switch (route.screen) {
    case 'home':
      return <Home />;
    case 'account':
      return <Account />;
    case 'keys':
      return <Keys />;
    case 'agent':
      return <AgentScreen key={route.handle} route={route} />;
  }
}
