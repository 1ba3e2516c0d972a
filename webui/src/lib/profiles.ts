import type { Profile } from '@/api/generated';

/** What each profile is for and what it gives up, in a sentence each; the isolation report has every point. */
export const PROFILES: Record<Profile, { title: string; now: string; about: string }> = {
  standard: {
    title: 'Standard',
    now: 'everything closed',
    about: 'Everything closed: an ordinary user on a read-only system.',
  },
  packages: {
    title: 'Packages',
    now: 'packages: root inside',
    about:
      'Installs system packages: root inside a user namespace, on a writable system of its own. Weaker: seven capabilities there.',
  },
  browser: {
    title: 'Browser',
    now: 'browser: namespaces inside',
    about:
      'Chromium with its own sandbox. Weaker: user namespaces can be made inside, which brings more of the kernel within reach.',
  },
};

export const PROFILE_NAMES: readonly Profile[] = ['standard', 'packages', 'browser'];
