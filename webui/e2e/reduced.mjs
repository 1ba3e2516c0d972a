// An agent without a layer is marked in red wherever it is shown.
import assert from 'node:assert/strict';

/** How red a text is: more than green and blue together can be mistaken for. */
async function isRed(mark) {
  const colour = await mark.evaluate((element) => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = getComputedStyle(element).color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  });
  const [red, green, blue] = colour;
  return red > green * 1.3 && red > blue * 1.3;
}

/** Tiles, rows, the agent's page, the isolation pane and the history; a full one beside it is not. */
export async function reducedIsRed(page, url) {
  const agents = await page.goto(url).then(() =>
    page.evaluate(() =>
      fetch('/api/v1/agents?all=true')
        .then((answer) => answer.json())
        .then((body) => body.data),
    ),
  );
  const reduced = agents.filter((agent) => agent.enforcement?.mode === 'reduced');
  const live = reduced.find((agent) => agent.state !== 'dead');
  const dead = reduced.find((agent) => agent.state === 'dead');
  const full = agents.find((agent) => agent.enforcement?.mode === 'full' && agent.state !== 'dead');
  assert.ok(live && dead && full, 'the fleet has reduced agents, live and ended, and a full one');
  const marked = async (path, place = page) => {
    await page.goto(url + path);
    const mark = place.getByText('Reduced', { exact: true }).first();
    await mark.waitFor();
    assert.ok(await isRed(mark), `it is red on ${path}`);
  };
  await marked(`/?q=${live.name}`);
  await marked(`/?q=${live.name}&view=list`);
  await marked(`/agents/${live.name}`, page.locator('header'));
  await marked(`/agents/${dead.name}`, page.locator('header'));
  await marked(`/history?q=${dead.name}`, page.getByRole('list', { name: 'Ended agents' }));
  await page.goto(`${url}/agents/${live.name}?pane=isolation`);
  const pane = page.getByRole('region', { name: 'Isolation' });
  await pane.getByRole('heading', { name: 'Reduced isolation' }).waitFor();
  const missing = pane.getByText('Missing', { exact: true }).first();
  assert.ok((await isRed(missing)) || (await isRed(missing.locator('..'))), 'the layer is red in the pane');
  assert.ok(await isRed(pane.getByRole('heading', { name: 'Reduced isolation' })), 'the heading is red');
  // The control: nothing of a full one is.
  await page.goto(`${url}/agents/${full.name}`);
  const quiet = page.locator('header').getByText('Full', { exact: true });
  await quiet.waitFor();
  assert.ok(!(await isRed(quiet)), 'full isolation is not red');
}
