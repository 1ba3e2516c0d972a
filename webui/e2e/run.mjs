// Browser tests of Mission Control. AETHER_URL and AETHER_SIGNIN name a running service; without them a fixture serves.
import { Failures, PHONE, WIDE, checkAxe, checkWidth, openBrowser, openPage, shoot } from './browser.mjs';
import { startFixture } from './fixture.mjs';
import * as goals from './goals.mjs';
import * as network from './network.mjs';
import { hostileWords, noOpenRedirect } from './hostile.mjs';
import { firstRun, journey } from './paths.mjs';
import { reducedIsRed } from './reduced.mjs';
import * as steering from './steering.mjs';

const failures = new Failures();
const browser = await openBrowser();
const real = process.env.AETHER_URL !== undefined;
const fixture = real ? null : await startFixture();
const url = process.env.AETHER_URL ?? fixture.url;
const signin = process.env.AETHER_SIGNIN ?? fixture?.signin;
const state = await signIn();

async function signIn() {
  const { context, page } = await openPage(browser, { theme: 'dark', size: WIDE, failures });
  await page.goto(signin);
  await page.getByRole('heading', { name: 'Fleet' }).waitFor();
  const kept = await context.storageState();
  await context.close();
  return kept;
}

/** How long the page was busy at a stretch. */
function longestTask(millis) {
  return new Promise((done) => {
    let longest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
    }).observe({ type: 'longtask' });
    setTimeout(() => done(Math.round(longest)), millis);
  });
}

async function step(name, run) {
  process.stdout.write(`${name}\n`);
  try {
    await run();
  } catch (error) {
    failures.note(name, error.message.split('\n').slice(0, 12).join('\n    '));
  }
}

/** A page as it is in one theme and size: accessible, no wider than the window, and pictured. */
async function look(page, theme, label, name, path, ready) {
  const where = `${name}-${theme}-${label}`;
  await step(where, async () => {
    await page.goto(url + path);
    await ready(page);
    await page.waitForTimeout(name.startsWith('pane') || name.startsWith('fleet') ? 1800 : 300);
    await checkAxe(page, where, failures);
    await checkWidth(page, where, failures);
    await shoot(page, where);
  });
}

const IGNORED = [
  /status of 401/,
  /status of 404/,
  /WebSocket connection to/,
  /status of 400/,
  /status of 409/,
  /net::ERR_CONNECTION/,
];
const pageIn = (theme, size, keep = state) =>
  openPage(browser, { theme, size, state: keep ?? undefined, failures, expected: IGNORED });

if (process.env.AETHER_REDUCED) {
  // A service on a host without Landlock: its agents are the whole of this run.
  await step('reduced isolation of real agents is red on every page', async () => {
    for (const theme of ['dark', 'light']) {
      const { context, page } = await pageIn(theme, WIDE);
      await reducedIsRed(page, url);
      await context.close();
    }
  });
  await end();
}

if (process.env.AETHER_NETWORK) {
  // A service in a network of the test's own, with a far side that answers.
  const { context, page } = await pageIn('dark', WIDE);
  // Each goes on where the one before stopped.
  const run = (name, what) => failures.length === 0 && step(name, () => what(page, url, failures));
  await run('a secret goes in and never comes back', network.secretsStaySecret);
  await run('deploying: network, models and secrets in the dialog', network.deployAsking);
  await run('a lent secret is used and scrubbed', network.secretIsUsed);
  await run('approvals: held, shown everywhere, answered anywhere', network.approvals);
  await run('the network of an agent: table, export, rules', network.table);
  await run('models and alarms', network.modelsAndAlarms);
  await run('a goal with a model: rules, budget, freezing and raising', goals.governed);
  await run('memory and feedback', goals.minded);
  await run('a thought as it is written; pause, words, model, tools and steps', steering.steered);
  await run('an agent and those that it started', steering.family);
  await context.close();
  if (failures.length > 0) await end();
  let round = 0;
  for (const theme of ['dark', 'light'])
    for (const [label, size] of [
      ['wide', WIDE],
      ['phone', PHONE],
    ]) {
      round += 1;
      const stop = network.keepAsking(round);
      const pictures = await pageIn(theme, size);
      for (const picture of network.PICTURES) await look(pictures.page, theme, label, ...picture);
      await pictures.context.close();
      stop();
    }
  await end();
}

await step('signed out: leads to sign-in and says what a wrong token is', async () => {
  for (const theme of ['dark', 'light']) {
    const { context, page } = await pageIn(theme, WIDE, null);
    await page.goto(`${url}/history`);
    await page.getByRole('heading', { name: 'Mission Control' }).waitFor();
    await page.getByLabel('Token').fill('0'.repeat(64));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This token is not valid.').waitFor();
    await checkAxe(page, `sign-in ${theme}`, failures);
    await shoot(page, `sign-in-${theme}`);
    await context.close();
  }
});

if (!real) {
  await step('first run: three starters, and one of them runs', async () => {
    const empty = await startFixture({ empty: true });
    for (const [theme, size, label] of [
      ['dark', WIDE, 'wide'],
      ['light', WIDE, 'wide'],
      ['dark', PHONE, 'phone'],
      ['light', PHONE, 'phone'],
    ]) {
      const { context, page } = await pageIn(theme, size, null);
      await page.goto(empty.signin);
      await firstRun(page);
      await checkAxe(page, `first run ${theme} ${label}`, failures);
      await checkWidth(page, `first run ${theme} ${label}`, failures);
      await shoot(page, `first-run-${theme}-${label}`);
      await context.close();
    }
    await empty.stop();
  });
}

const token = real ? process.env.AETHER_TOKEN : 'fixture';
await step('signing in leads nowhere else', async () => {
  const { context, page } = await pageIn('dark', WIDE, null);
  await noOpenRedirect(page, url, token);
  await context.close();
});

if (real) {
  await step('hostile words stay words', async () => {
    const expected = [...IGNORED, /Content Security Policy/];
    const { context, page } = await openPage(browser, {
      theme: 'dark',
      size: WIDE,
      state,
      failures,
      expected,
    });
    await hostileWords(page, url);
    await context.close();
  });
} else {
  await step('reduced isolation is red on every page', async () => {
    for (const theme of ['dark', 'light']) {
      const { context, page } = await pageIn(theme, WIDE);
      await reducedIsRed(page, url);
      await context.close();
    }
  });
}

let target = null;
await step('the journey: deploy, type, look, pause, kill, find in history, remove', async () => {
  const { context, page } = await pageIn('dark', WIDE);
  target = await journey(page, url, { real });
  await context.close();
});

const PAGES = [
  ['fleet', '/', (page) => page.getByRole('article').first().waitFor()],
  ['fleet-list', '/?view=list', (page) => page.getByRole('row').nth(1).waitFor()],
  ['no-match', '/?q=nothing-is-called-this', (page) => page.getByText('No agent matches').waitFor()],
  ['deploy-goal', '/?deploy=goal', (page) => page.getByLabel('Goal', { exact: true }).waitFor()],
  ['deploy-program', '/?deploy=program', (page) => page.getByLabel('Command', { exact: true }).waitFor()],
  [
    'templates',
    '/templates',
    (page) =>
      page
        .getByRole('button', { name: /^Start / })
        .first()
        .waitFor(),
  ],
  ['models', '/models', (page) => page.getByRole('list', { name: 'Providers' }).waitFor()],
  ['history', '/history', (page) => page.getByRole('heading', { name: 'History' }).waitFor()],
  ['system', '/system', (page) => page.getByText('landlock').first().waitFor()],
  ['unknown-agent', '/agents/no-such-agent', (page) => page.getByText('There is no agent').waitFor()],
];
const PANES = ['terminal', 'timeline', 'mind', 'files', 'resources', 'isolation', 'events'];

const GOAL_PANES = new Set(['timeline', 'mind', 'events']);

for (const theme of ['dark', 'light']) {
  for (const [label, size] of [
    ['wide', WIDE],
    ['phone', PHONE],
  ]) {
    const { context, page } = await pageIn(theme, size);
    const visit = (name, path, ready) => look(page, theme, label, name, path, ready);
    for (const [name, path, ready] of PAGES) {
      if (name === 'fleet-list' && label === 'phone') continue;
      await visit(name, path, ready);
    }
    for (const pane of PANES) {
      const ref = GOAL_PANES.has(pane) ? target?.goal : target?.program;
      if (ref)
        await visit(`pane-${pane}`, `/agents/${ref}?pane=${pane}`, (p) => p.getByRole('tabpanel').waitFor());
    }
    if (label === 'wide' && target) {
      await visit('pane-two', `/agents/${target.program}?side=resources`, (p) =>
        p.getByRole('region', { name: 'Second pane' }).waitFor(),
      );
    }
    await context.close();
  }
}

if (fixture) {
  await step('a goal at work: what is written, what it costs, its plan, memory and budget', async () => {
    const { context, page } = await pageIn('dark', WIDE);
    await goals.atWork(page, url, fixture.say);
    await context.close();
  });
  await step(
    'a crowd of 1,000: only what is in view exists, and only its screens are asked for',
    async () => {
      const own = await startFixture({ empty: true, crowd: 1000 });
      const { context, page } = await pageIn('dark', WIDE, null);
      let mostAsked = 0;
      page.on('request', (request) => {
        const ids = new URL(request.url()).searchParams.get('ids');
        if (ids) mostAsked = Math.max(mostAsked, ids.split(',').length);
      });
      await page.goto(own.signin);
      await page.getByRole('article').first().waitFor();
      await page.waitForTimeout(1500);
      const tiles = await page.getByRole('article').count();
      if (tiles > 30 || mostAsked > 30)
        failures.note('crowd', `${tiles} tiles exist, ${mostAsked} screens asked at once`);
      const late = await page.evaluate(longestTask, 4000);
      process.stdout.write(`  longest task within 4 s of figures for 1,000 agents: ${late} ms\n`);
      await page.goto(`${own.url}/?view=list&q=crowd-1`);
      await page.getByRole('checkbox', { name: 'Select all shown' }).check();
      await page.getByLabel('Filter agents').fill('crowd-100');
      await page.getByText('11 agents selected').waitFor();
      await shoot(page, 'crowd-selected');
      await context.close();
      await own.stop();
    },
  );

  await step('disconnected: says so, since when, and when the next try comes', async () => {
    for (const theme of ['dark', 'light']) {
      const own = await startFixture();
      const { context, page } = await pageIn(theme, WIDE, null);
      await page.goto(own.signin);
      await page.getByRole('article').first().waitFor();
      await own.stop();
      await page.getByText('The service does not answer.').waitFor();
      await page.getByText(/Next try in/).waitFor();
      await checkAxe(page, `disconnected ${theme}`, failures);
      await shoot(page, `disconnected-${theme}`);
      await context.close();
    }
  });
}

await end();

async function end() {
  await browser.close();
  await fixture?.stop();
  if (failures.length > 0) {
    process.stderr.write(`\n${failures.length} failures\n`);
    process.exit(1);
  }
  process.stdout.write('all passed\n');
  process.exit(0);
}
