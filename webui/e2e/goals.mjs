// Goals in the page: what the fixture says of one, and real ones whose model follows a script (far.mjs).
import assert from 'node:assert/strict';

/** The fixture's goal: pieces of an answer, steps with their price, changes, plan, memory, and one that is frozen. */
export async function atWork(page, url, say) {
  await page.goto(`${url}/agents/inspector`);
  const timeline = page.getByRole('log', { name: 'Timeline' });
  await timeline.getByText('openai/gpt-small · 1,300 tokens · $0.0026').waitFor();
  await timeline.getByText('old step summed up').waitFor();
  await timeline.getByText('ollama/llama answers: openai is resting').waitFor();
  const delta = (kind, text) => say({ type: 'agent.delta', pid: 1, step: 9, kind, text });
  delta('text', 'Now the <b>compilers</b>');
  delta('text', ' and their versions');
  delta('call', 'run_command');
  const written = page.getByRole('group', { name: 'Being written' });
  await written.getByText('Now the <b>compilers</b> and their versions').waitFor();
  await written.getByText('run_command …').waitFor();
  delta('restart', '');
  await written.getByText('The answer begins anew').waitFor();
  await timeline.getByRole('button', { name: /write_file .*report\.md \+1$/ }).click();
  const change = timeline.getByRole('region', { name: 'Change of /home/agent/report.md' });
  await change.getByText('Compilers: cc, c++.').waitFor();
  await page
    .getByRole('complementary', { name: 'Plan and children' })
    .getByText('List the compilers')
    .waitFor();

  await page.getByRole('tab', { name: 'Mind' }).click();
  const memories = page.getByRole('list', { name: 'Memories' });
  await memories.getByText('two CPUs').waitFor();
  assert.equal(await memories.getByRole('listitem').count(), 4);
  await page.getByLabel('Layer').selectOption('procedural');
  await memories.getByText('/proc/meminfo').waitFor();
  await memories.getByText('two CPUs').waitFor({ state: 'detached' });

  await page.goto(`${url}/agents/reviewer`);
  const budget = page.getByRole('region', { name: 'Budget' });
  await budget.getByText('200,400 of 200,000 tokens are used up.').waitFor();
  await budget.getByRole('button', { name: 'What it did' }).click();
  await page
    .getByRole('dialog', { name: 'Why reviewer was frozen' })
    .getByText('/home/agent/review.md')
    .waitFor();
  await page.keyboard.press('Escape');

  await page.goto(`${url}/templates?q=review`);
  await page.getByRole('button', { name: 'Start Code reviewer' }).click();
  const dialog = page.getByRole('dialog', { name: 'Deploy an agent' });
  assert.equal(await dialog.getByLabel('Template').inputValue(), 'code-reviewer');
  await dialog.getByLabel('Goal', { exact: true }).fill('Read it');
  await dialog.getByText("aether run -d --goal 'Read it' --template code-reviewer").waitFor();
}

/** A goal whose commands are asked about and whose tokens run out: allowed, denied with a reason, frozen, raised, done. */
export async function governed(page, url) {
  await page.goto(`${url}/?deploy=goal`);
  const dialog = page.getByRole('dialog', { name: 'Deploy an agent' });
  await dialog.getByLabel('Goal', { exact: true }).fill('follow the script');
  await dialog.getByLabel('Model', { exact: true }).fill('ollama/small');
  await dialog.locator('summary', { hasText: 'Name and life' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('scripted');
  await dialog.locator('summary', { hasText: 'Tools and rules' }).click();
  await dialog.getByRole('button', { name: 'Add a rule' }).click();
  await dialog.getByLabel('Rule 1: pattern').fill('git push*');
  await dialog.locator('summary', { hasText: 'Memory' }).click();
  await dialog.getByLabel('Name of a memory').fill('shared-mind');
  await dialog.locator('summary', { hasText: 'Budget' }).click();
  await dialog.getByLabel('Tokens', { exact: true }).fill('9000');
  await dialog.getByRole('button', { name: 'Deploy' }).click();
  await page.getByRole('heading', { name: 'scripted' }).waitFor();

  const timeline = page.getByRole('log', { name: 'Timeline' });
  await timeline
    .getByText(/^ollama\/small · 1,540 tokens · \$0\.00/)
    .first()
    .waitFor();
  await page.getByRole('complementary', { name: 'Plan and children' }).getByText('Write the file').waitFor();
  await timeline.getByRole('button', { name: /write_file .*notes\.md \+1 −1$/ }).waitFor();

  // The first push is allowed, the second denied in words that the agent reads.
  const card = page.getByRole('article', { name: /^scripted asks for/ });
  await card.getByText('git push first').first().waitFor();
  await card.getByRole('button', { name: /^Allow once/ }).click();
  await card.getByText('git push second').first().waitFor();
  await card.getByLabel(/^Reason for denying/).fill('not on a Friday');
  await card.getByRole('button', { name: /^Deny/ }).click();
  await timeline
    .getByText(/not on a Friday/)
    .first()
    .waitFor();

  // It runs out of tokens, stands still, and goes on with more.
  const budget = page.getByRole('region', { name: 'Budget' });
  await budget.getByText('Frozen.').waitFor({ timeout: 30_000 });
  await budget.getByRole('button', { name: 'What it did' }).click();
  const found = page.getByRole('dialog', { name: 'Why scripted was frozen' });
  await found.getByText('run_command').first().waitFor();
  await found.getByText('/home/agent/notes.md').waitFor();
  await page.keyboard.press('Escape');
  await budget.getByRole('button', { name: 'Raise limits' }).click();
  const limits = page.getByRole('dialog', { name: 'Limits of scripted' });
  await limits.getByLabel('Tokens', { exact: true }).fill('none');
  await limits.getByRole('button', { name: 'Set limits' }).click();
  await limits.getByText('Give more than nothing').waitFor();
  await limits.getByLabel('Tokens', { exact: true }).fill('900_000');
  await limits.getByRole('button', { name: 'Set limits' }).click();
  await page.locator('header').getByText('Completed', { exact: true }).waitFor({ timeout: 30_000 });
}

/** What it remembers and what people think of it. */
export async function minded(page, url) {
  await page.goto(`${url}/agents/scripted?pane=mind`);
  const mind = page.getByRole('region', { name: 'Mind' });
  await mind.getByText('Shared under the name “shared-mind”').waitFor();
  const memories = page.getByRole('list', { name: 'Memories' });
  await memories.getByText('The notes live in ~/notes.md').waitFor();
  await mind.getByRole('button', { name: 'Remember' }).click();
  const dialog = page.getByRole('dialog', { name: 'Have scripted remember' });
  await dialog.getByLabel('What').fill('Pushes wait for Monday.');
  await dialog.getByRole('button', { name: 'Remember' }).click();
  const mine = memories.getByRole('listitem').filter({ hasText: 'Pushes wait for Monday.' });
  await mine.waitFor();
  await page.getByLabel('Search memories').fill('Monday');
  await memories.getByText('The notes live').waitFor({ state: 'detached' });
  await mine.getByRole('button', { name: /^Forget memory/ }).click();
  await mine.getByRole('button', { name: 'Forget it' }).click();
  await page.getByText('Nothing that it remembers matches.').waitFor();
  await page.getByRole('tab', { name: 'Timeline' }).click();
  await page.getByRole('button', { name: 'Step 7 was good' }).click();
  await page.getByRole('button', { name: 'Step 7 was good', pressed: true }).waitFor();
  await page.goto(`${url}/models`);
  await page.getByRole('list', { name: 'Providers' }).getByText('ollama').first().waitFor();
}
