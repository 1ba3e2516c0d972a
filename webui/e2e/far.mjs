// The far side of the network tests: a web server that says what it was sent, and a provider of models.
import { createServer } from 'node:http';
import { scriptOf } from './scripts.mjs';

const [, , address] = process.argv;

/** Answers that stop in their middle wait here until the test opens their gate. */
const opened = new Set();
const waiting = new Map();
const gate = (name) =>
  opened.has(name) ? Promise.resolve() : new Promise((done) => waiting.set(name, done));

/** What came in the place of a secret, by its kind only; and the value itself, which must be scrubbed on its way. */
function web(request, response) {
  const name = /^\/open\/(.+)$/.exec(request.url)?.[1];
  if (name) {
    opened.add(name);
    waiting.get(name)?.();
    response.end();
    return;
  }
  const sent = request.headers.authorization ?? '';
  response.end(`${sent.startsWith('Bearer ') ? `authorised: ${sent}` : 'no token'}\n`);
}

const MODELS = { models: [{ name: 'small' }, { name: 'large' }] };

async function answer(url, asked, response) {
  const broken = url.startsWith('/api/show');
  const kind = url === '/api/chat' ? 'application/x-ndjson' : 'application/json';
  response.writeHead(broken ? 500 : 200, { 'Content-Type': kind });
  if (url === '/api/tags') return response.end(`${JSON.stringify(MODELS)}\n`);
  const { say = 'Hello.', calls, pieces = [{ words: say }] } = scriptOf(asked) ?? {};
  const piece = (content, more) =>
    `${JSON.stringify({ model: asked.model, message: { role: 'assistant', content, ...more }, done: false })}\n`;
  for (const each of pieces) {
    if (each.gate) await gate(each.gate);
    response.write(piece(each.words));
  }
  if (calls) response.write(piece('', { tool_calls: calls }));
  const end = { model: asked.model, message: { role: 'assistant', content: '' }, done: true };
  return response.end(`${JSON.stringify({ ...end, prompt_eval_count: 1200, eval_count: 340 })}\n`);
}

function provider(request, response) {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => void answer(request.url, body === '' ? {} : JSON.parse(body), response));
}

await Promise.all(
  [
    [80, web],
    [11434, provider],
  ].map(([port, server]) => new Promise((ready) => createServer(server).listen(port, address, ready))),
);
process.stdout.write('ready\n');
