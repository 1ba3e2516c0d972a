// The far side of the network tests: a web server that says what it was sent, and a provider of models.
import { createServer } from 'node:http';

const [, , address] = process.argv;

/** What came in the place of a secret, by its kind only; and the value itself, which must be scrubbed on its way. */
function web(request, response) {
  const sent = request.headers.authorization ?? '';
  response.end(`${sent.startsWith('Bearer ') ? `authorised: ${sent}` : 'no token'}\n`);
}

function provider(request, response) {
  request.resume();
  request.on('end', () => {
    const broken = request.url.startsWith('/api/show');
    response.writeHead(broken ? 500 : 200, { 'Content-Type': 'application/json' });
    response.end(
      JSON.stringify({
        model: 'small',
        message: { role: 'assistant', content: 'Hello.' },
        done: true,
        prompt_eval_count: 1200,
        eval_count: 340,
      }),
    );
  });
}

await Promise.all(
  [
    [80, web],
    [11434, provider],
  ].map(([port, answer]) => new Promise((ready) => createServer(answer).listen(port, address, ready))),
);
process.stdout.write('ready\n');
