// Egress, approvals, secrets and models in the page, against a real service in a network of the test's own.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CANARY = `canary-${process.pid}-7f3a91`;
const aether = (...args) =>
  promisify(execFile)(join(process.env.AETHER_BIN_DIR, 'aether'), args, { env: process.env }).then(
    (done) => done.stdout,
  );

/** Starts a command in an agent and leaves it; what it asks for is what the test looks at. */
function leave(agent, script) {
  const child = spawn(join(process.env.AETHER_BIN_DIR, 'aether'), ['exec', agent, '--', 'sh', '-c', script], {
    stdio: 'ignore',
  });
  return { over: new Promise((done) => child.on('exit', done)), end: () => child.kill() };
}

/** Sets a secret; its value is nowhere afterwards but in the one request that carried it. */
export async function secretsStaySecret(page, url) {
  const answers = [];
  page.on('response', (answer) => answers.push(answer.text().catch(() => '')));
  await page.goto(`${url}/secrets`);
  await page.getByText('No secret is kept').waitFor();
  await page.getByRole('button', { name: 'Set a secret' }).click();
  const dialog = page.getByRole('dialog', { name: 'Set a secret' });
  await dialog.getByLabel('Name').fill('SITE_TOKEN');
  assert.equal(await dialog.getByLabel('Value').getAttribute('type'), 'password');
  await dialog.getByLabel('Value').fill('short');
  await dialog.getByRole('button', { name: 'Set secret' }).click();
  await dialog.getByText('Give at least 8 bytes').waitFor();
  await dialog.getByLabel('Value').fill(CANARY);
  await dialog.getByRole('button', { name: 'Set secret' }).click();
  await page.getByRole('heading', { name: 'SITE_TOKEN' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'SITE_TOKEN' }).waitFor();
  await page.getByText('granted to nobody').waitFor();
  const kept = await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify(localStorage));
  assert.ok(kept.includes('SITE_TOKEN'), 'the control: the name is on the page');
  assert.ok(!kept.includes(CANARY), 'the page does not hold the value');
  const all = (await Promise.all(answers)).join('\n');
  assert.ok(all.includes('SITE_TOKEN'), 'the control: answers hold the name');
  assert.ok(!all.includes(CANARY), 'no answer holds the value');
}

/** Deploys through the dialog: asks, one destination allowed, one secret lent, one provider. */
export async function deployAsking(page, url) {
  await page.goto(`${url}/?deploy=program`);
  const dialog = page.getByRole('dialog', { name: 'Deploy an agent' });
  await dialog.getByLabel('Command', { exact: true }).fill('sleep 900');
  await dialog.getByRole('checkbox', { name: 'In a terminal' }).uncheck();
  await dialog.getByText('Name and life').click();
  await dialog.getByLabel('Name', { exact: true }).fill('asker');
  await dialog.locator('summary', { hasText: 'Network' }).click();
  await dialog.getByRole('radio', { name: /^Allow list/ }).check();
  await dialog.getByRole('button', { name: 'Deploy' }).click();
  await dialog.getByText('an empty list denies everything').waitFor();
  await dialog.getByRole('radio', { name: /^Ask/ }).check();
  await dialog.getByLabel('Destinations').fill('allowed.test');
  await dialog.locator('summary', { hasText: 'Models for its programs' }).click();
  await dialog.getByRole('checkbox', { name: 'Ollama' }).check();
  await dialog.getByLabel('Tokens at most').fill('5000');
  await dialog.locator('summary', { hasText: 'Secrets' }).click();
  await dialog.getByLabel('Grant a secret').selectOption('SITE_TOKEN');
  await dialog.getByLabel('Host', { exact: true }).fill('allowed.test');
  await dialog
    .getByText(
      'aether run -d --name asker --net ask --allow allowed.test --models ollama --model-tokens 5000 --secret SITE_TOKEN=allowed.test -- sleep 900',
    )
    .waitFor();
  await dialog.getByRole('button', { name: 'Deploy' }).click();
  await page.getByRole('heading', { name: 'asker' }).waitFor();
}

/** The lent secret reaches the host it is for, and what comes back is scrubbed. */
export async function secretIsUsed(page, url) {
  const said = await aether('exec', 'asker', '--', 'curl', '-sS', '-m', '20', 'http://allowed.test/');
  assert.match(said, /^authorised: Bearer /);
  assert.ok(!said.includes(CANARY), 'the answer is scrubbed');
  await aether(
    'exec',
    'asker',
    '--',
    'sh',
    '-c',
    'curl -sS -m 20 -H "X-Token: $SITE_TOKEN" http://allowed.test/ -o /dev/null; for i in 1 2 3; do curl -sS -m 20 -d \'{"model":"small","messages":[]}\' http://gateway.aether.internal/ollama/api/chat; done',
  );
  await page.goto(`${url}/secrets`);
  const grants = page.getByRole('list', { name: 'Grants of SITE_TOKEN' });
  await grants.getByText('asker').waitFor();
  await page.getByRole('note', { name: 'Used by, of SITE_TOKEN' }).getByText('asker').waitFor();
  await grants.getByText('as bearer token').waitFor();
}

/** Held everywhere at once; answered by keyboard, in a toast, on the agent's page, and elsewhere. */
export async function approvals(page, url) {
  await page.goto(`${url}/system`);
  const check = page.getByRole('button', { name: 'Check again' });
  await check.focus();
  const first = leave('asker', 'curl -sS -m 100 http://held.test/ -o /dev/null');
  const toasts = page.getByRole('region', { name: 'Waiting for your answer' });
  await toasts.getByRole('article', { name: 'asker asks for held.test:80' }).waitFor();
  assert.ok(await check.evaluate((each) => each === document.activeElement), 'the focus stays where it was');
  await page.getByRole('link', { name: 'Approvals 1 waiting for you' }).waitFor();

  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.waitForURL(/\/approvals/);
  const waiting = page.getByRole('list', { name: 'Waiting' });
  await waiting.getByText(/denied in .* without an answer/).waitFor();
  assert.equal(await toasts.getByRole('article').count(), 0, 'the page shows it already');
  await page.keyboard.press('o');
  assert.equal(await waiting.getByRole('article').count(), 1, 'a key without a card answers nothing');
  await page.keyboard.press('j');
  await page.keyboard.press('o');
  await page.getByText('Nothing waits for you').waitFor();
  assert.equal(await first.over, 0, 'the held connection went on');

  const second = leave('asker', 'curl -sS -m 100 http://other.test/ -o /dev/null');
  await page.goto(`${url}/agents/asker?pane=network`);
  await page.getByRole('button', { name: 'Always: other.test:80 for asker' }).click();
  await page.getByRole('list', { name: 'Rules' }).getByText('other.test:80').waitFor();
  assert.equal(await second.over, 0);

  const third = leave('asker', 'curl -sS -m 100 -o /dev/null -f http://bad.test/');
  await page.getByRole('button', { name: 'Deny: bad.test:80 for asker' }).click();
  assert.notEqual(await third.over, 0, 'the denied connection did not');

  const fourth = leave('asker', 'curl -sS -m 100 -o /dev/null http://else.test/');
  const card = page.getByRole('article', { name: 'asker asks for else.test:80' });
  await card.waitFor();
  const { data } = JSON.parse(
    await page.evaluate(() => fetch('/api/v1/approvals').then((answer) => answer.text())),
  );
  await aether('approvals', 'deny', String(data.find((each) => each.wish.host === 'else.test').id));
  await card.waitFor({ state: 'detached' });
  await fourth.over;
}

const asks = (host) => aether('exec', 'asker', '--', 'curl', '-sS', '-m', '20', '-f', `http://${host}/`);

/** The table says what was reached and refused, can be searched and exported, and leads to a rule. */
export async function table(page, url) {
  await page.goto(`${url}/agents/asker?pane=network`);
  const rows = page.getByRole('table', { name: 'Destinations' });
  const row = (host) => rows.getByRole('row').filter({ hasText: host });
  await row('held.test:80').getByText('Allowed', { exact: true }).waitFor();
  await row('bad.test:80').getByText('Denied', { exact: true }).waitFor();
  await page.getByLabel('Filter destinations').fill('bad');
  await row('held.test:80').waitFor({ state: 'detached' });
  await page.getByLabel('Filter destinations').fill('');
  await page.getByLabel('Verdict').selectOption('denied');
  await row('held.test:80').waitFor({ state: 'detached' });
  await page.getByLabel('Verdict').selectOption('');
  for (const [kind, read] of [
    ['As CSV', (text) => text.split('\r\n').find((line) => line.startsWith('bad.test,80,denied,'))],
    ['As JSON', (text) => JSON.parse(text).find((each) => each.host === 'bad.test')?.reason],
  ]) {
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: kind }).click(),
    ]);
    assert.ok(read(await readFile(await download.path(), 'utf8')), `${kind} has the denied destination`);
  }

  // Rules change while it runs, and count at once.
  const rules = page.getByRole('list', { name: 'Rules' });
  await row('bad.test:80').getByRole('button', { name: 'Allow bad.test:80' }).click();
  await rules.getByText('bad.test:80').waitFor();
  await asks('bad.test');
  await rules.getByRole('button', { name: 'Remove allow bad.test:80' }).click();
  await rules.getByText('bad.test:80').waitFor({ state: 'detached' });
  await page.getByLabel('Everything else').selectOption('deny');
  await page.getByLabel('Everything else').and(page.locator(':enabled')).waitFor();
  await assert.rejects(asks('bad.test'), 'denied without a question');
  await page.getByLabel('Destination', { exact: true }).fill('https://a.test/');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByText('Give HOST or HOST:PORT').waitFor();
  await page.getByLabel('Destination', { exact: true }).fill('a_b..c');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByText('is no host').waitFor();
  await page.getByLabel('Add', { exact: true }).selectOption('pypi');
  await page.getByRole('button', { name: 'Add preset' }).click();
  await rules.getByText('Python packages').waitFor();
  await page.getByLabel('Add', { exact: true }).selectOption('deny');
  await page.getByLabel('Host', { exact: true }).fill('*.tracker.test');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await rules.getByText('*.tracker.test').waitFor();
  await page.getByLabel('Everything else').selectOption('ask');
}

/** Calls, tokens and cost of the gateway; and what was tried with a placeholder elsewhere. */
export async function modelsAndAlarms(page, url) {
  await page.goto(`${url}/agents/asker?pane=resources`);
  const calls = page.getByRole('region', { name: 'Calls by model' });
  await calls.getByText('small').waitFor();
  await calls.getByText('3,600').waitFor();
  await page.getByText('of 5,000 tokens used').waitFor();
  await aether(
    'exec',
    'asker',
    '--',
    'sh',
    '-c',
    'curl -sS -m 20 -H "X-Token: $SITE_TOKEN" http://other.test/',
  );
  await page.goto(`${url}/secrets`);
  await page.getByRole('list', { name: 'Alarms' }).getByText('other.test').waitFor({ timeout: 15_000 });
  await page.goto(`${url}/agents/asker?pane=timeline`);
  const timeline = page.getByRole('log', { name: 'Timeline' });
  await timeline
    .getByText(/bad\.test:80.*: /)
    .first()
    .waitFor();
  await timeline.getByText('allowed once by').waitFor();
  await page.goto(`${url}/agents/asker?pane=isolation`);
  await page.getByText('asks about the rest').waitFor();
}

/** Something waits on every picture of a round, by names that nobody was asked about: an answer, or none in time, counts for a minute. */
export function keepAsking(round) {
  const hosts = [
    `registry-${round}.packages.test:8443`,
    `a-rather-long-name-of-host-${round}.of.some.vendor.test`,
  ];
  const held = hosts.map((host) =>
    leave('asker', `while :; do curl -s -m 110 http://${host}/ -o /dev/null; sleep 1; done`),
  );
  return () => held.forEach((each) => each.end());
}

const asker = (pane) => `/agents/asker?pane=${pane}`;
export const PICTURES = [
  ['approvals', '/approvals', (page) => page.getByRole('list', { name: 'Waiting' }).waitFor()],
  [
    'approval-toasts',
    '/',
    (page) =>
      page
        .getByRole('article', { name: /^asker asks/ })
        .first()
        .waitFor(),
  ],
  ['secrets', '/secrets', (page) => page.getByRole('list', { name: 'Alarms' }).waitFor()],
  [
    'secret-grant',
    '/secrets',
    async (page) => {
      await page.getByRole('button', { name: 'Grant SITE_TOKEN' }).click();
      await page.getByRole('dialog').getByLabel('Goes into').selectOption('header');
    },
  ],
  [
    'deploy-outside',
    '/?deploy=program',
    async (page) => {
      const dialog = page.getByRole('dialog');
      await dialog.locator('summary', { hasText: 'Network' }).click();
      await dialog.getByRole('radio', { name: /^Ask/ }).check();
      await dialog.locator('summary', { hasText: 'Models for its programs' }).click();
      await dialog.locator('summary', { hasText: 'Secrets' }).click();
      await dialog.getByLabel('Grant a secret').selectOption('SITE_TOKEN');
    },
  ],
  ['pane-network', asker('network'), (page) => page.getByRole('table', { name: 'Destinations' }).waitFor()],
  [
    'pane-models',
    asker('resources'),
    (page) => page.getByRole('region', { name: 'Calls by model' }).waitFor(),
  ],
  ['pane-network-timeline', asker('timeline'), (page) => page.getByText('Asks').first().waitFor()],
  ['pane-network-isolation', asker('isolation'), (page) => page.getByText('asks about the rest').waitFor()],
  [
    'pane-goal',
    '/agents/scripted',
    (page) =>
      page.getByRole('log', { name: 'Timeline' }).getByText('Everything was tried.').first().waitFor(),
  ],
  [
    'pane-goal-mind',
    '/agents/scripted?pane=mind',
    (page) => page.getByRole('list', { name: 'Memories' }).waitFor(),
  ],
  ['pane-no-network', '/agents/quiet?pane=network', (page) => page.getByText('It has no network').waitFor()],
];
