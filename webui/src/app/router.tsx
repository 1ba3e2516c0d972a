import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { parseFleetQuery } from '@/lib/filter';
import { ownPath } from '@/lib/paths';
import { FleetPage } from '@/pages/FleetPage';
import { NotFoundPage } from '@/pages/NotFoundPage';
import { ErrorPage } from '@/pages/ErrorPage';
import { Root } from './Root';
import { PANES, type Pane } from './panes';

export interface RootSearch {
  /** The deploy dialog is open at this door. */
  deploy?: 'program' | 'goal';
  /** What it begins with. */
  template?: string;
  goal?: string;
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

const root = createRootRoute({
  component: Root,
  notFoundComponent: NotFoundPage,
  errorComponent: ErrorPage,
  validateSearch: (search: Record<string, unknown>): RootSearch => {
    if (search.deploy !== 'program' && search.deploy !== 'goal') return {};
    const [template, goal] = [text(search.template), text(search.goal)];
    return { deploy: search.deploy, ...(template ? { template } : {}), ...(goal ? { goal } : {}) };
  },
});

export const fleetRoute = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: FleetPage,
  validateSearch: parseFleetQuery,
});

export interface AgentSearch {
  pane?: Pane;
  /** A second pane beside the first, on wide screens. */
  side?: Pane;
  tty?: string;
  path?: string;
  file?: string;
}

export const agentRoute = createRoute({
  getParentRoute: () => root,
  path: '/agents/$ref',
  component: lazyRouteComponent(() => import('@/pages/AgentPage'), 'AgentPage'),
  validateSearch: (search: Record<string, unknown>): AgentSearch => {
    const query: AgentSearch = {
      pane: PANES.find((pane) => pane === search.pane),
      side: PANES.find((pane) => pane === search.side),
      tty: text(search.tty),
      path: text(search.path),
      file: text(search.file),
    };
    for (const key of Object.keys(query) as (keyof AgentSearch)[])
      if (query[key] === undefined) delete query[key];
    return query;
  },
});

export interface HistorySearch {
  q?: string;
  outcome?: 'completed' | 'failed';
}

export const historyRoute = createRoute({
  getParentRoute: () => root,
  path: '/history',
  component: lazyRouteComponent(() => import('@/pages/HistoryPage'), 'HistoryPage'),
  validateSearch: (search: Record<string, unknown>): HistorySearch => ({
    ...(text(search.q) ? { q: text(search.q) } : {}),
    ...(search.outcome === 'completed' || search.outcome === 'failed' ? { outcome: search.outcome } : {}),
  }),
});

const systemRoute = createRoute({
  getParentRoute: () => root,
  path: '/system',
  component: lazyRouteComponent(() => import('@/pages/SystemPage'), 'SystemPage'),
});

const approvalsRoute = createRoute({
  getParentRoute: () => root,
  path: '/approvals',
  component: lazyRouteComponent(() => import('@/pages/ApprovalsPage'), 'ApprovalsPage'),
});

const secretsRoute = createRoute({
  getParentRoute: () => root,
  path: '/secrets',
  component: lazyRouteComponent(() => import('@/pages/SecretsPage'), 'SecretsPage'),
});

const modelsRoute = createRoute({
  getParentRoute: () => root,
  path: '/models',
  component: lazyRouteComponent(() => import('@/pages/ModelsPage'), 'ModelsPage'),
});

export const templatesRoute = createRoute({
  getParentRoute: () => root,
  path: '/templates',
  component: lazyRouteComponent(() => import('@/pages/TemplatesPage'), 'TemplatesPage'),
  validateSearch: (search: Record<string, unknown>): { q?: string; category?: string } => ({
    ...(text(search.q) ? { q: text(search.q) } : {}),
    ...(text(search.category) ? { category: text(search.category) } : {}),
  }),
});

export const signInRoute = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('@/pages/SignInPage'), 'SignInPage'),
  validateSearch: (search: Record<string, unknown>): { next?: string } => {
    const next = ownPath(text(search.next));
    return next === undefined ? {} : { next };
  },
});

export const router = createRouter({
  routeTree: root.addChildren([
    fleetRoute,
    agentRoute,
    approvalsRoute,
    historyRoute,
    templatesRoute,
    modelsRoute,
    secretsRoute,
    systemRoute,
    signInRoute,
  ]),
  // Plain `?a=b` links that a person can read and type, instead of JSON.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries(search as Record<string, unknown>)) {
      if (value === undefined || value === null || value === false) continue;
      params.set(key, value === true ? '1' : String(value));
    }
    const out = params.toString();
    return out === '' ? '' : `?${out}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
