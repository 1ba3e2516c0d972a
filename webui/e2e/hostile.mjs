// A hostile agent's words on every page: they are shown as text, run nothing, and fetch nothing.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

/** Counts who comes: nobody may. */
async function startCanary() {
  const visits = [];
  const server = createServer((request, response) => {
    visits.push(`${request.method} ${request.url}`);
    response.end();
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const stop = () => (server.closeAllConnections(), new Promise((done) => server.close(done)));
  return { url: `http://127.0.0.1:${server.address().port}`, visits, stop };
}

/** Markup of many kinds; each that runs sets a mark or asks the canary. */
const attacks = (canary) => [
  `<img src=x onerror="document.title='ran'"><img src="${canary}/img">`,
  `<svg onload="document.title='ran'"><animate onbegin="document.title='ran'" attributeName=x dur=1s></svg>`,
  `</script><script>document.title='ran'</script></textarea></title></style><script src="${canary}/script"></script>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--><img src=x onerror=document.title='ran'>">`,
  `[click](javascript:alert(1)) ![x](${canary}/markdown?q=SECRET) <a href="javascript:alert(1)">link</a>`,
  `<iframe src="${canary}/frame"></iframe><link rel=stylesheet href="${canary}/style"><meta http-equiv=refresh content="0;url=${canary}/meta">`,
  `{{constructor.constructor('document.title="ran"')()}} \${document.title='ran'}`,
];

/** Sequences that reach beyond the screen, and links under an innocent name. */
const sequences = (canary) =>
  `\x1b]52;c;ZXZpbA==\x07\x1b]52;c;?\x07\x1b]0;ran\x07\x1b]1337;File=inline=1:AAAA\x07` +
  `\x1b]8;;javascript:document.title='ran'\x07BADLINK\x1b]8;;\x07 \x1b]8;;${canary}/link\x07WEBLINK\x1b]8;;\x07\r\n`;

/** Shows what hostile agents say on every page and pane, and asserts that it stays text. */
export async function hostileWords(page, url) {
  const canary = await startCanary();
  try {
    const texts = attacks(canary.url);
    const dialogs = [];
    const onDialog = (dialog) => (dialogs.push(dialog.message()), void dialog.dismiss());
    page.on('dialog', onDialog);
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    const call = (path, method, body) =>
      page.evaluate(
        async ([where, how, what]) => {
          const headers = typeof what === 'string' ? {} : { 'Content-Type': 'application/json' };
          const payload = typeof what === 'string' ? what : JSON.stringify(what);
          const answer = await fetch(`/api/v1/${where}`, { method: how, headers, body: payload });
          if (!answer.ok) throw new Error(await answer.text());
        },
        [path, method, body],
      );
    await page.goto(url);
    await page.evaluate(() => navigator.clipboard.writeText('the person’s own'));
    const printer = `hostile-printer-${process.pid}`;
    const goal = `hostile-goal-${process.pid}`;
    const said = [...texts, sequences(canary.url)].join('\r\n');
    // Arguments, an environment and a goal are words of others as well as output and file names are.
    await call('agents', 'POST', {
      name: printer,
      program: {
        type: 'command',
        argv: ['sh', '-c', 'stty -echo; printf "%s\\r\\n" "$SAID"; exec cat', ...texts],
        tty: true,
        stdin: true,
      },
      env: { SAID: said },
    });
    await call('agents', 'POST', {
      name: goal,
      program: { type: 'goal', goal: texts.join('\n'), role: texts[0].slice(0, 60) },
    });
    const files = texts.map((text) => text.replaceAll('/', '∕'));
    for (const [i, name] of files.entries()) {
      const path = encodeURIComponent(`/home/agent/${name.slice(0, 100)}`);
      await call(`agents/${printer}/files?path=${path}`, 'PUT', texts[i]);
    }
    await call(`agents/${goal}/message`, 'POST', { content: texts.join('\n') }).catch(() => undefined);

    const calm = async (where) => {
      await page.waitForTimeout(700);
      assert.deepEqual(canary.visits, [], `${where}: the canary was asked`);
      assert.deepEqual(dialogs, [], `${where}: a dialog opened`);
      assert.doesNotMatch(await page.title(), /ran/, `${where}: a script ran`);
      const foreign = asked.filter((each) => !/^(blob|data):/.test(each) && new URL(each).origin !== url);
      assert.deepEqual(foreign, [], `${where}: another host was asked`);
      const made = await page.evaluate(
        () =>
          document.querySelectorAll('[onerror],[onload],[onbegin],iframe,math,a[href^="javascript:"]').length,
      );
      assert.equal(made, 0, `${where}: markup became elements`);
    };
    for (const path of [`/?q=hostile`, `/?q=hostile&view=list`]) {
      await page.goto(url + path);
      await page.getByText(printer).first().waitFor();
      await calm(path);
    }
    for (const pane of ['terminal', 'timeline', 'mind', 'files', 'isolation', 'events'])
      for (const name of [printer, goal]) {
        await page.goto(`${url}/agents/${name}?pane=${pane}`);
        await page.getByRole('tabpanel').waitFor();
        await calm(`${name} ${pane}`);
      }
    await page.goto(`${url}/agents/${printer}?pane=files`);
    await page
      .getByRole('button', { name: /onerror/ })
      .first()
      .click();
    await page.locator('pre').getByText('onerror').first().waitFor();
    await calm('a file');

    await links(page, `${url}/agents/${printer}?pane=terminal`, { dialogs, canary, calm });
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      'the person’s own',
      'the clipboard was changed',
    );

    for (const name of [printer, goal])
      await call(`agents/${name}?force=true`, 'DELETE', {}).catch(() => undefined);
    await page.goto(`${url}/history?q=hostile`);
    await calm('history');
    page.off('dialog', onDialog);
    await control(page, canary);
  } finally {
    await canary.stop();
  }
}

/** A link to the web asks first; one that is none does nothing. */
async function links(page, where, { dialogs, canary, calm }) {
  await page.goto(where);
  await page.getByText('Connected', { exact: true }).last().waitFor();
  await calm('the terminal');
  // Found before the first click: a focused terminal is drawn by the graphics card and has no rows to look for.
  const places = await page.evaluate(() => {
    const measure = document.querySelector('.xterm-char-measure-element');
    const width = measure.getBoundingClientRect().width / (measure.textContent.length || 1);
    const rows = [...document.querySelectorAll('.xterm-rows > div')];
    const place = (word) => {
      const row = rows.find((each) => each.textContent.includes(word));
      if (!row) return null;
      const box = row.getBoundingClientRect();
      return { x: box.left + (row.textContent.indexOf(word) + 2.5) * width, y: box.top + box.height / 2 };
    };
    return { BADLINK: place('BADLINK'), WEBLINK: place('WEBLINK') };
  });
  const click = async (word) => {
    const place = places[word];
    assert.ok(place, `${word} is on the screen`);
    await page.mouse.move(place.x - 1, place.y);
    await page.mouse.move(place.x, place.y, { steps: 3 });
    await page.waitForTimeout(300);
    await page.mouse.click(place.x, place.y);
    await page.waitForTimeout(300);
  };
  await click('BADLINK');
  await calm('a link that is none of the web');
  await click('WEBLINK');
  assert.equal(dialogs.length, 1, 'a link asks before it opens');
  assert.ok(dialogs[0].includes(`${canary.url}/link`), `the question names the address: ${dialogs[0]}`);
  dialogs.length = 0;
  await calm('a link that was declined');
}

/** The canary does hear a browser, and this page's policy is what keeps even injected markup from it. */
async function control(page, canary) {
  const refused = await page.evaluate(
    (address) =>
      new Promise((done) => {
        document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), {
          once: true,
        });
        document.body.append(Object.assign(new Image(), { src: `${address}/injected` }));
      }),
    canary.url,
  );
  assert.equal(refused, 'img-src');
  assert.deepEqual(canary.visits, []);
  const elsewhere = await page.context().newPage();
  await elsewhere.setContent(`<img src="${canary.url}/control">`);
  await elsewhere.waitForTimeout(500);
  await elsewhere.close();
  assert.deepEqual(canary.visits, ['GET /control'], 'the canary hears a page that may ask');
}

/** After signing in with the token only this service's own pages open. */
export async function noOpenRedirect(page, url, token) {
  for (const next of [
    '/\\example.org/',
    '/\t/example.org/',
    '//example.org/',
    'javascript:document.title=1',
  ]) {
    await page.goto(`${url}/sign-in?next=${encodeURIComponent(next)}`);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Fleet' }).waitFor();
    assert.equal(new URL(page.url()).origin, url, next);
  }
  await page.goto(`${url}/sign-in?next=${encodeURIComponent('/system')}`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'System' }).waitFor();
}
