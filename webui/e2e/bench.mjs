// What Mission Control costs a browser: bytes of a first load, and frames while 1,000 live tiles are scrolled.
// AETHER_URL and AETHER_SIGNIN measure the load from a real service; tiles always come from the fixture. Writes $1 (JSON).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failures, WIDE, openBrowser, openPage } from './browser.mjs';
import { startFixture } from './fixture.mjs';

const LOAD_KB = 250;
const AGENTS = 1000;
const SCROLL_MS = 8000;
const FRAMES = 60;

const failures = new Failures();
const browser = await openBrowser();
const fixture = await startFixture({ empty: true, crowd: AGENTS, lively: true });
const service = process.env.AETHER_URL ?? fixture.url;

/** Everything that the start page makes a browser with an empty cache fetch, as it is on the wire. */
async function firstLoad() {
  const { context, page } = await openPage(browser, { theme: 'dark', size: WIDE, failures });
  await page.goto(process.env.AETHER_SIGNIN ?? fixture.signin);
  await page.getByRole('heading', { name: 'Fleet' }).waitFor();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  const files = new Map();
  session.on('Network.responseReceived', ({ requestId, response }) => {
    const { pathname } = new URL(response.url);
    if (!pathname.startsWith('/api/')) files.set(requestId, { name: pathname, bytes: 0 });
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const file = files.get(requestId);
    if (file) file.bytes = encodedDataLength;
  });
  const began = performance.now();
  await page.goto(service);
  await page.getByRole('heading', { name: 'Fleet' }).waitFor();
  const shown = performance.now() - began;
  await page.waitForLoadState('networkidle').catch(() => undefined);
  await page.waitForTimeout(1500);
  await context.close();
  const all = [...files.values()].toSorted((a, b) => b.bytes - a.bytes);
  return {
    kilobytes: Math.round(all.reduce((sum, each) => sum + each.bytes, 0) / 100) / 10,
    files: all.length,
    headingMs: Math.round(shown),
    largest: all.slice(0, 6).map((each) => [each.name, each.bytes]),
  };
}

/** Scrolls by so much each frame, down and up again, and notes when each frame came. */
function scroll(millis) {
  return new Promise((done) => {
    const list = document.querySelector('[data-list]');
    const times = [];
    let longest = 0;
    new PerformanceObserver((tasks) => {
      for (const task of tasks.getEntries()) longest = Math.max(longest, task.duration);
    }).observe({ type: 'longtask' });
    let most = 0;
    let by = 30;
    const began = performance.now();
    const frame = (now) => {
      times.push(now);
      list.scrollTop += by;
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1 || list.scrollTop === 0) by = -by;
      most = Math.max(most, document.querySelectorAll('article').length);
      if (now - began < millis) requestAnimationFrame(frame);
      else done({ times, longest: Math.round(longest), most });
    };
    requestAnimationFrame(frame);
  });
}

async function tiles() {
  const { context, page } = await openPage(browser, { theme: 'dark', size: WIDE, failures });
  let asked = 0;
  page.on('request', (request) => {
    const ids = new URL(request.url()).searchParams.get('ids');
    if (ids) asked = Math.max(asked, ids.split(',').length);
  });
  await page.goto(fixture.signin);
  await page.getByRole('article').first().waitFor();
  await page.waitForTimeout(2000);
  // Time of the page's own thread, which says what a frame costs also where others use the processors.
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const used = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1000]));
  };
  const before = { events: fixture.told(), ...(await used()) };
  const { times, longest, most } = await page.evaluate(scroll, SCROLL_MS);
  const after = await used();
  const events = fixture.told() - before.events;
  const aFrame = (name) => Math.round((100 * (after[name] - before[name])) / times.length) / 100;
  await context.close();
  const gaps = times
    .slice(1)
    .map((at, i) => at - times[i])
    .toSorted((a, b) => a - b);
  const at = (share) =>
    Math.round(gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))] * 10) / 10;
  return {
    agents: AGENTS,
    framesPerSecond: Math.round((10_000 * gaps.length) / (times.at(-1) - times[0])) / 10,
    frameMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99) },
    cpuMsPerFrame: {
      all: aFrame('TaskDuration'),
      script: aFrame('ScriptDuration'),
      style: aFrame('RecalcStyleDuration'),
      layout: aFrame('LayoutDuration'),
    },
    longestTaskMs: longest,
    tilesAtOnce: most,
    screensAskedAtOnce: asked,
    eventsPerSecond: Math.round((1000 * events) / SCROLL_MS),
  };
}

const web = { firstLoad: await firstLoad(), tiles: await tiles() };
await browser.close();
await fixture.stop();
const say = (text, good) => process.stdout.write(`${good ? 'ok  ' : 'MISS'} ${text}\n`);
const { firstLoad: load, tiles: grid } = web;
say(
  `first load: ${load.kilobytes} KB in ${load.files} files (at most ${LOAD_KB}), heading after ${load.headingMs} ms`,
  load.kilobytes <= LOAD_KB,
);
for (const [name, bytes] of load.largest)
  process.stdout.write(`       ${(bytes / 1000).toFixed(1)} KB ${name}\n`);
say(
  `${AGENTS} live tiles scrolled: ${grid.framesPerSecond} frames a second, p99 ${grid.frameMs.p99} ms a frame, ` +
    `${grid.cpuMsPerFrame.all} ms of its thread a frame, longest task ${grid.longestTaskMs} ms, ${grid.tilesAtOnce} tiles at once, ${grid.eventsPerSecond} events a second`,
  grid.framesPerSecond >= FRAMES * 0.97,
);
const [file] = process.argv.slice(2);
if (file) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ web }, null, 2)}\n`);
}
process.exit(failures.length > 0 ? 1 : 0);
