// What a person does, by role and label.
import assert from 'node:assert/strict';

/** An empty fleet offers three agents that really run. */
export async function firstRun(page) {
  await page.getByRole('heading', { name: 'Start your first agent' }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Deploy: / }).count(), 3);
}

/** Deploys a program and a goal, works with them, ends them; returns two more that go on for the pictures. */
export async function journey(page, url, { real }) {
  const name = `journey-${process.pid}`;
  await page.goto(url);
  await page.getByRole('button', { name: 'Deploy', exact: true }).click();
  await page.getByRole('radio', { name: /Run a program/ }).check();
  await page.getByLabel('Command', { exact: true }).fill('bash --login');
  await page.getByText('Name and life').click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByText(`aether run -d -i -t --name ${name} -- bash --login`).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Deploy' }).click();

  // The terminal is the first thing shown of a program; it takes keys and shows the answer.
  await page.getByRole('heading', { name }).waitFor();
  const terminal = page.getByRole('group', { name: `Main program of ${name}` });
  await page.getByText('Connected', { exact: true }).last().waitFor();
  await page.getByRole('button', { name: 'Screen reader' }).click();
  await terminal.locator('textarea').focus();
  await page.keyboard.type('echo mark-$((20+22))', { delay: 5 });
  await page.keyboard.press('Enter');
  await waitForScreen(page, real ? 'mark-42' : 'mark-$((20+22))');
  await page.keyboard.press('Control+Shift+ArrowUp');
  assert.equal(
    await page.evaluate(() => document.activeElement?.tagName),
    'BUTTON',
    'the keyboard left the terminal',
  );

  // A second terminal beside it.
  await page.getByRole('button', { name: 'New terminal' }).click();
  await page.getByRole('button', { name: /^Close .* 1$/ }).waitFor();
  assert.match(page.url(), /tty=/);

  // Files: make a directory, put a file there, read it back.
  await page.getByRole('tab', { name: 'Files' }).click();
  await page.getByRole('button', { name: /^Directory ?Documents$/ }).waitFor();
  await page.getByRole('button', { name: 'New directory' }).click();
  await page.getByLabel('Name', { exact: true }).fill('made-here');
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: /^Directory ?made-here$/ }).click();
  await page.getByText('This directory is empty').waitFor();
  await page.getByLabel('Files to upload').setInputFiles({
    name: 'note.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('written in the browser\n'),
  });
  await page.getByRole('button', { name: /^File ?note.txt$/ }).click();
  await page.getByText('written in the browser').waitFor();

  // Pause and resume with the reason of what cannot be done.
  const controls = page.getByRole('toolbar', { name: 'Controls' });
  await controls.getByRole('button', { name: 'Pause' }).click();
  await page.locator('header').getByText('Paused', { exact: true }).waitFor();
  await controls.getByRole('button', { name: 'Resume' }).click();
  await controls.getByRole('button', { name: 'Pause' }).waitFor();

  // The fleet: filter by URL, select, one confirmation that names it.
  await page.goto(`${url}/?q=${name}&view=list`);
  await page.getByRole('checkbox', { name: `Select ${name}` }).click();
  await page.getByRole('toolbar', { name: 'Selection' }).getByRole('button', { name: 'Kill' }).click();
  const dialog = page.getByRole('dialog', { name: `Kill ${name}?` });
  await dialog.getByRole('list', { name: 'Will be hit' }).getByText(name).waitFor();
  await dialog.getByRole('button', { name: 'Kill' }).click();
  await page.getByText('No agent matches').waitFor();

  // It is in the history with how it ended; removing it makes it unknown.
  await page.goto(`${url}/history?q=${name}`);
  await page.getByRole('link', { name }).click();
  await page
    .locator('header')
    .getByText(/Ended by SIGKILL|Failed, exit 137/)
    .waitFor();
  await controls.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.waitForURL(/\/history/);
  await page.goto(`${url}/agents/${name}`);
  await page.getByText('There is no agent').waitFor();

  await palette(page);
  return forPictures(page, url, real);
}

async function palette(page) {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('system');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/system/);
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  await page.waitForURL((where) => where.pathname === '/');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Shortcuts' }).getByText('Go to History').waitFor();
  await page.keyboard.press('Escape');
}

/** One agent with a goal and one program that goes on, for the pictures of every pane. */
async function forPictures(page, url, real) {
  const made = { goal: `report-${process.pid}`, program: real ? `shell-${process.pid}` : 'shell' };
  const deploy = (spec) =>
    page.evaluate(async (body) => {
      const answer = await fetch('/api/v1/agents', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      });
      if (!answer.ok) throw new Error(await answer.text());
    }, JSON.stringify(spec));
  await page.goto(url);
  await deploy({
    name: made.goal,
    program: { type: 'goal', goal: 'Inspect this machine and write a report', role: 'Inspector' },
  });
  if (real)
    await deploy({
      name: made.program,
      program: { type: 'command', argv: ['bash', '--login'], tty: true, stdin: true },
    });
  await page.goto(`${url}/agents/${made.goal}`);
  await page.getByText('Thought').first().waitFor();
  await page.getByRole('button', { expanded: false }).filter({ hasText: /./ }).first().click();
  if (real) {
    await page.locator('header').getByText('Completed', { exact: true }).waitFor({ timeout: 60_000 });
    await page.goto(`${url}/agents/${made.goal}?pane=files`);
    await page
      .getByRole('button', { name: /report/ })
      .first()
      .waitFor();
  }
  return made;
}

/** Text on the terminal, as a screen reader is given it. */
async function waitForScreen(page, text) {
  await page.locator('.xterm-accessibility').getByText(text).first().waitFor();
}
