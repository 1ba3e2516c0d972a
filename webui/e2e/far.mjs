// The far side of the network tests: a web server that says what it was sent, and a provider of models.
import { createServer } from 'node:http';

const [, , address] = process.argv;

/** What came in the place of a secret, by its kind only; and the value itself, which must be scrubbed on its way. */
function web(request, response) {
  const sent = request.headers.authorization ?? '';
  response.end(`${sent.startsWith('Bearer ') ? `authorised: ${sent}` : 'no token'}\n`);
}

const call = (name, args) => ({ function: { name, arguments: args } });

/** What the model of a goal that says “follow the script” does, turn by turn; then it is done. */
const SCRIPT = [
  [call('create_plan', { goal: 'Keep notes', nodes: [{ title: 'Write the file' }, { title: 'Push it' }] })],
  [call('write_file', { path: '~/notes.md', content: 'one\ntwo\nthree\n' })],
  [
    call('write_file', { path: '~/notes.md', content: 'one\n2\nthree\n' }),
    call('remember', { content: 'The notes live in ~/notes.md' }),
  ],
  [call('run_command', { command: 'git push first' })],
  [call('run_command', { command: 'git push second' })],
  [call('run_command', { command: 'cat notes.md' })],
];

function turnOf(messages) {
  if (!messages.some((each) => String(each.content).includes('follow the script'))) return undefined;
  const turn = messages.filter((each) => each.role === 'assistant').length;
  return SCRIPT[turn] ?? [call('complete', { summary: 'Everything was tried.' })];
}

function provider(request, response) {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => {
    const broken = request.url.startsWith('/api/show');
    const asked = body === '' ? {} : JSON.parse(body);
    const calls = turnOf(asked.messages ?? []);
    const said = {
      model: 'small',
      message: {
        role: 'assistant',
        content: calls ? 'I go on with the script.' : 'Hello.',
        ...(calls ? { tool_calls: calls } : {}),
      },
      done: true,
      prompt_eval_count: 1200,
      eval_count: 340,
    };
    const models = { models: [{ name: 'small' }] };
    response.writeHead(broken ? 500 : 200, { 'Content-Type': 'application/json' });
    response.end(`${JSON.stringify(request.url === '/api/tags' ? models : said)}\n`);
  });
}

await Promise.all(
  [
    [80, web],
    [11434, provider],
  ].map(([port, answer]) => new Promise((ready) => createServer(answer).listen(port, address, ready))),
);
process.stdout.write('ready\n');
