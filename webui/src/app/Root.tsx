import { Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { Tooltip } from 'radix-ui';
import { Suspense, lazy, useEffect, useState } from 'react';
import { kernel } from '@/api/live';
import { onSignedOut } from '@/api/http';
import { handleKey, useShortcut } from '@/lib/shortcuts';
import { ApprovalToasts } from '@/panels/approvals/ApprovalToasts';
import { Toasts } from '@/ui/toast';
import type { RootSearch } from './router';
import { Rail } from './Rail';
import { ShortcutOverlay } from './ShortcutOverlay';
import { StaleBar } from './Connection';

const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));
const DeployDialog = lazy(() =>
  import('@/forms/DeployDialog').then((module) => ({ default: module.DeployDialog })),
);

/** The frame around every page: rail, connection, palette, help and messages. */
export function Root() {
  const { pathname } = useLocation();
  return (
    <Tooltip.Provider delayDuration={400}>
      {pathname === '/sign-in' ? (
        <Suspense>
          <Outlet />
        </Suspense>
      ) : (
        <SignedIn />
      )}
      <Toasts />
    </Tooltip.Provider>
  );
}

function SignedIn() {
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const navigate = useNavigate();
  const { deploy, template, goal } = useLocation({ select: (location) => location.search as RootSearch });

  useConnection();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => void handleKey(event);
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);

  const openDeploy = (door: 'program' | 'goal') =>
    void navigate({ to: '.', search: (old) => ({ ...old, deploy: door }) });
  useShortcut('mod+k', 'Search agents and actions', 'Everywhere', () => setPalette((open) => !open));
  useShortcut('?', 'Show shortcuts', 'Everywhere', () => setHelp(true));
  useShortcut('g f', 'Go to Fleet', 'Everywhere', () => void navigate({ to: '/' }));
  useShortcut('g a', 'Go to Approvals', 'Everywhere', () => void navigate({ to: '/approvals' }));
  useShortcut('g h', 'Go to History', 'Everywhere', () => void navigate({ to: '/history' }));
  useShortcut('g t', 'Go to Templates', 'Everywhere', () => void navigate({ to: '/templates' }));
  useShortcut('g m', 'Go to Models', 'Everywhere', () => void navigate({ to: '/models' }));
  useShortcut('g x', 'Go to Secrets', 'Everywhere', () => void navigate({ to: '/secrets' }));
  useShortcut('g s', 'Go to System', 'Everywhere', () => void navigate({ to: '/system' }));
  useShortcut('c', 'Deploy an agent', 'Everywhere', () => openDeploy('goal'));

  return (
    <div className="flex h-dvh flex-col sm:flex-row">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-sm focus:bg-raised focus:px-3 focus:py-2"
      >
        Skip to the page
      </a>
      <Rail onPalette={() => setPalette(true)} onHelp={() => setHelp(true)} />
      <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none">
        <StaleBar />
        <Suspense
          fallback={
            <div className="p-6">
              <div className="skeleton h-7 w-48" />
            </div>
          }
        >
          <Outlet />
        </Suspense>
      </main>
      <ApprovalToasts />
      <Suspense>
        {palette && <Palette onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
        {deploy && <DeployDialog door={deploy} template={template} goal={goal} />}
      </Suspense>
      <ShortcutOverlay open={help} onClose={() => setHelp(false)} />
    </div>
  );
}

/** Keeps the connection while somebody is signed in; otherwise leads to the sign-in page and back here afterwards. */
function useConnection() {
  const navigate = useNavigate();
  useEffect(() => {
    const off = onSignedOut(() => {
      kernel.stop();
      // Already there: where it leads afterwards stays.
      if (location.pathname === '/sign-in') return;
      const next = location.pathname + location.search;
      void navigate({ to: '/sign-in', search: next === '/' ? {} : { next } });
    });
    kernel.start();
    const wake = () => kernel.start();
    window.addEventListener('online', wake);
    return () => {
      off();
      window.removeEventListener('online', wake);
      kernel.stop();
    };
  }, [navigate]);
}
