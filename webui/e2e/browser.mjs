// A Chromium that reports what a person would not see: console errors, policy violations, accessibility failures.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
}

export class Failures extends Array {
  note(where, what) {
    this.push(`${where}: ${what}`);
    process.stderr.write(`  FAIL ${where}: ${what}\n`);
  }
}

/** A page in one theme and size, signed in through the one-time link when there is one. */
export async function openPage(browser, { theme, size, state, failures, expected = [] }) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: theme,
    storageState: state,
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => failures.note(page.url(), `uncaught ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() !== 'error' || expected.some((pattern) => pattern.test(text))) return;
    failures.note(page.url(), text);
  });
  return { context, page };
}

/** Fails on every accessibility rule of WCAG 2.2 AA that axe can check. */
export async function checkAxe(page, where, failures) {
  // Run in the tool's own world: the page's policy refuses scripts that are not the page's.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  });
  const evaluate = (expression) =>
    session.send('Runtime.evaluate', {
      expression,
      contextId: executionContextId,
      awaitPromise: true,
      returnByValue: true,
    });
  await evaluate(`${axeSource}; undefined`);
  const tags = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  const result = await evaluate(
    `axe.run({ exclude: ['.xterm'] }, { runOnly: ${tags}, resultTypes: ['violations'] }).then((r) => r.violations.map((v) => v.id + ' (' + v.impact + '): ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')))`,
  );
  await session.detach();
  if (result.exceptionDetails)
    failures.note(where, `axe did not run: ${result.exceptionDetails.exception?.description}`);
  for (const violation of result.result.value ?? []) failures.note(where, `axe ${violation}`);
}

const folder = process.env.AETHER_SCREENSHOTS;
if (folder) mkdirSync(folder, { recursive: true });

export async function shoot(page, name) {
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Nothing may be wider than the window, and no button beyond it unless what holds it scrolls: one is broken on a phone. */
export async function checkWidth(page, where, failures) {
  const { over, beyond } = await page.evaluate(() => {
    const root = document.documentElement;
    const scrolls = (each) =>
      each !== null && (/auto|scroll/.test(getComputedStyle(each).overflowX) || scrolls(each.parentElement));
    const out = [...document.querySelectorAll('button, a[href], input, select')].filter(
      (each) => each.getBoundingClientRect().right > root.clientWidth + 1 && !scrolls(each.parentElement),
    );
    const names = out.map((each) => each.getAttribute('aria-label') ?? each.textContent);
    return { over: root.scrollWidth - root.clientWidth, beyond: names };
  });
  if (over > 0) failures.note(where, `the page is ${over} px wider than the window`);
  if (beyond.length > 0) failures.note(where, `beyond the window: ${beyond.join(', ')}`);
}
