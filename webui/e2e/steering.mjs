// A goal at work that people steer, and agents that an agent starts, against a real service and a scripted model.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PHONE, WIDE, checkAxe, checkWidth } from './browser.mjs';

const far = process.env.AETHER_FAR;
const aether = (...args) =>
  promisify(execFile)(join(process.env.AETHER_BIN_DIR, 'aether'), args, { env: process.env });
/** Lets the model go on with the answer that waits at this gate. */
const open = (gate) => fetch(`http://${far}/open/${gate}`).then((answer) => answer.text());
/** From now on the page hears what is written: nothing of an answer is kept for those who come later. */
async function watched(page) {
  await page.getByRole('status', { name: 'Connected to aetherd' }).waitFor();
  await page.getByRole('log', { name: 'Timeline' }).getByText('Deployed').waitFor();
}
const start = (name, goal, ...more) =>
  aether('run', '-d', '--name', name, '--model', 'ollama/small', ...more, '--goal', goal);

/** Whoever types in its terminal holds it, until they hand it back; all controls are in reach on a phone as well. */
async function takenOver(page, url, failures) {
  await page.goto(`${url}/agents/steered?pane=terminal`);
  await page.getByRole('tabpanel').getByRole('button', { name: 'New terminal' }).last().click();
  await page.locator('.xterm').click();
  await page.keyboard.type('echo mine\n');
  await page.locator('header').getByText('Held by operator', { exact: true }).waitFor();
  await page.setViewportSize(PHONE);
  await checkWidth(page, 'held, on a phone', failures);
  await page.setViewportSize(WIDE);
  await page.getByRole('button', { name: 'Hand back' }).click();
  await page.getByRole('button', { name: 'Hand back' }).waitFor({ state: 'detached' });
}

/** A thought grows while its model writes it; a pause, words, a model, tools and more steps reach the next ones. */
export async function steered(page, url, failures) {
  await start('steered', 'be steered', '--max-steps', '3');
  await takenOver(page, url, failures);
  await page.getByRole('tab', { name: 'Timeline' }).click();
  const timeline = page.getByRole('log', { name: 'Timeline' });
  const written = page.getByRole('group', { name: 'Being written' });
  await watched(page);
  await open('look');
  await written.getByText('I look', { exact: true }).waitFor();
  assert.equal(await timeline.getByText('I look around first.').count(), 0, 'the answer is not whole');
  await open('around');
  await timeline.getByText('I look around first.').waitFor();
  await open('wonder');
  await written.getByText('I wonder', { exact: true }).waitFor();

  // Paused in the middle of an answer; what is changed meanwhile counts from the next step on.
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await page.getByLabel('Message to steered').fill('Mind the tests');
  await page.keyboard.press('Enter');
  await timeline.getByText('Mind the tests').waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Change model and tools' }).click();
  const dialog = page.getByRole('dialog', { name: 'Model and tools of steered' });
  await checkAxe(page, 'the steer dialog', failures);
  await dialog.getByLabel('Model').fill('nobody/large');
  await dialog.getByLabel('Every tool there is').uncheck();
  await dialog.getByLabel('Tools', { exact: true }).fill('read_file\nrun/command');
  await dialog.getByRole('button', { name: 'Change' }).click();
  await dialog.getByText('is not the name of a tool').waitFor();
  await dialog.getByLabel('Tools', { exact: true }).fill('read_file\nthink');
  await dialog.getByRole('button', { name: 'Change' }).click();
  await dialog.getByText('nobody').first().waitFor();
  await dialog.getByLabel('Model').fill('ollama/large');
  await dialog.getByRole('button', { name: 'Change' }).click();
  await dialog.waitFor({ state: 'detached' });
  await open('next');
  await page.getByRole('button', { name: 'Resume' }).click();
  const third = timeline.getByText(/^large may use: /);
  await third.waitFor();
  const said = await third.textContent();
  assert.match(said, /complete/, 'it can always end');
  assert.match(said, /read_file/);
  assert.doesNotMatch(said, /run_command/, 'the model is not told of tools that it lost');
  assert.match(said, /I was told to mind the tests/);
  await timeline
    .getByText(/not given the tool/)
    .first()
    .waitFor();

  // Its steps are used up: it waits for people, and goes on when they say so.
  await page.locator('header').getByText('Waiting for you', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Allow 25 more steps' }).click();
  await page.locator('header').getByText('Completed', { exact: true }).waitFor();
}

/** Who started whom is seen on both pages while they work, and what each used when they have ended. */
export async function family(page, url, failures) {
  await start('parent', 'be a parent', '--budget', 'tokens=100000');
  await page.goto(`${url}/agents/parent`);
  const members = page.getByRole('list', { name: 'Agents started by this one' });
  const child = members.getByRole('listitem').filter({ hasText: /^tester-\d+-1/ });
  await child.getByText('Thinking').waitFor();
  assert.equal(await members.getByRole('listitem').count(), 2);
  await checkAxe(page, 'a parent and its child', failures);
  await child.getByRole('link').click();
  await page.getByText('Started by').waitFor();
  await watched(page);
  await open('test');
  await page.getByRole('group', { name: 'Being written' }).getByText('I test', { exact: true }).waitFor();
  await open('everything');
  await page.locator('header').getByText('Completed', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'parent', exact: true }).click();
  await page.locator('header').getByText('Completed', { exact: true }).waitFor();
  await child.getByText('Completed', { exact: true }).waitFor();
  await page.getByText(/^started tester-\d+-1, number/).waitFor();
  await page.getByText(/^task completed from tester-\d+-1 to parent$/).waitFor();
  await child.getByText(/^[1-9][\d,.]*K? tokens, \$0\.0/).waitFor();
}
