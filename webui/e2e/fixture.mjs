// A small server with the service's API for the browser tests: agents are plain objects, nothing runs.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { DOCTOR, STATUS, busyFleet, makeAgent, screenOf, timelineOf } from './agents.mjs';
import { answerAbout, answerOf } from './thinking.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** As the service would sign it; nobody checks this signature. */
function reportOf(agent) {
  const layers = Object.entries(agent.enforcement.layers).map(([name, layer]) => ({
    active: layer.active,
    reducedByProfile: [],
    evidence: [`status ${name}: ${layer.detail}`],
    expected: layer.detail,
    name,
    problem: layer.active ? '' : layer.detail,
  }));
  const full = layers.every((layer) => layer.active);
  const report = { agent: agent.id, at: agent.startedAt, full, layers, name: agent.name, pid: agent.pid };
  return { publicKey: '0'.repeat(64), report, signature: '0'.repeat(128) };
}

/** Starts it and gives its address, a sign-in link and what tests may do to it. */
export async function startFixture({ empty = false, crowd = 0, lively = false } = {}) {
  const agents = new Map();
  const events = [];
  const files = new Map();
  const ttys = new Map();
  const kernels = new Set();
  for (const agent of empty ? [] : busyFleet()) agents.set(agent.id, agent);
  for (let n = 100; n < 100 + crowd; n += 1) {
    const agent = makeAgent(n, { name: `crowd-${n}` });
    agents.set(agent.id, agent);
  }
  for (const agent of agents.values())
    if (agent.spec.program.type === 'goal') events.push(...timelineOf(agent, events.length + 1));
  files.set('/home/agent/report.md', '# Report\n\nTwo CPUs, 24 GB of memory.\n');
  const directories = new Set([
    '/',
    '/home',
    '/home/agent',
    ...['Desktop', 'Documents', 'Downloads', 'Projects'].map((name) => `/home/agent/${name}`),
  ]);
  let port = 0;
  const origin = () => `http://127.0.0.1:${port}`;

  const emit = (agent, body) => {
    const event = {
      seq: events.length + 1,
      at: new Date().toISOString(),
      agentId: agent.id,
      owner: agent.owner,
      ...body,
    };
    events.push(event);
    for (const socket of kernels) socket.send(JSON.stringify(event));
  };
  /** Something happens to one agent after the other, many times a second. */
  let turn = 0;
  const life = lively
    ? setInterval(() => {
        const all = [...agents.values()];
        for (let i = 0; i < 5; i += 1) {
          const agent = all[(turn += 7) % all.length];
          emit(agent, {
            type: 'agent.action',
            pid: agent.number,
            step: turn,
            tool: 'run_command',
            args: { command: `make part-${turn}` },
          });
        }
      }, 50)
    : undefined;
  const find = (ref) =>
    agents.get(ref) ??
    [...agents.values()].find((each) => each.name === ref || String(each.number) === String(ref));
  const change = (agent, part) => {
    const next = { ...agent, ...part };
    agents.set(agent.id, next);
    emit(next, { type: 'process.stateChange', pid: next.number, state: next.state, agentPhase: next.phase });
    return next;
  };
  const end = (agent, exit) => {
    const next = {
      ...agent,
      state: 'dead',
      phase: exit.code === 0 ? 'completed' : 'failed',
      exit,
      endedAt: new Date().toISOString(),
      pid: null,
    };
    agents.set(agent.id, next);
    emit(next, { type: 'process.exit', pid: next.number, exit });
    return next;
  };
  const deploy = (spec) => {
    if (spec.name && find(spec.name))
      throw refuse(
        409,
        'CONFLICT',
        `the name "${spec.name}" is taken`,
        'choose another name or remove that agent',
      );
    const agent = makeAgent(agents.size + 1, {
      spec,
      name: spec.name ?? `agent-${agents.size + 1}`,
      role: spec.program.role ?? null,
      createdAt: new Date().toISOString(),
      startedAt: new Date().toISOString(),
    });
    agents.set(agent.id, agent);
    emit(agent, { type: 'process.spawned', pid: agent.number, info: agent });
    if (spec.program.type === 'goal') for (const event of timelineOf(agent, 0).slice(1)) emit(agent, event);
    return agent;
  };

  const verbs = {
    pause: (agent) => change(agent, { state: 'paused' }),
    resume: (agent) => change(agent, { state: 'running' }),
    stop: (agent) => end(agent, { code: 143, signal: 'SIGTERM' }),
    kill: (agent) => end(agent, { code: 137, signal: 'SIGKILL', reason: 'killed by operator' }),
    continue: (agent) => agent,
    message: (agent, body) => (
      emit(agent, { type: 'agent.userMessage', pid: agent.number, content: body.content }),
      agent
    ),
    mkdir: (_agent, body) => void directories.add(body.path),
    mv: (_agent, body) => {
      files.set(body.to, files.get(body.from) ?? '');
      files.delete(body.from);
    },
  };
  const entriesOf = (path) => {
    const inside = (each) => each !== path && each.slice(0, each.lastIndexOf('/') || 1) === path;
    return [
      ...[...directories].filter(inside).map((each) => entry(each, 'directory', 4096)),
      ...[...files].filter(([each]) => inside(each)).map(([each, text]) => entry(each, 'file', text.length)),
    ];
  };

  async function api(request, response, url) {
    const parts = url.pathname.split('/').slice(3).map(decodeURIComponent);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString();
    const body = raw && request.headers['content-type'] === 'application/json' ? JSON.parse(raw) : {};
    const [top, ref, verb] = parts;
    const path = url.searchParams.get('path');
    if (top === 'session') {
      if (request.method === 'POST' && body.token !== 'fixture')
        throw refuse(401, 'UNAUTHENTICATED', 'the token is wrong', '');
      if (request.method === 'POST')
        response.setHeader('Set-Cookie', 'aether_token=fixture; Path=/; HttpOnly; SameSite=Strict');
      if (request.method === 'DELETE') response.setHeader('Set-Cookie', 'aether_token=; Path=/; Max-Age=0');
      if (request.method === 'GET' && !signedIn(request))
        throw refuse(401, 'UNAUTHENTICATED', 'nobody is signed in', '');
      return { owner: 'operator' };
    }
    if (!signedIn(request)) throw refuse(401, 'UNAUTHENTICATED', 'nobody is signed in', 'sign in');
    if (top === 'screens')
      return Object.fromEntries(
        url.searchParams
          .get('ids')
          .split(',')
          .flatMap((id, i) =>
            agents.has(id) && (lively || url.searchParams.get('versions').split(',')[i] === '0')
              ? [[id, screenOf(agents.get(id), lively ? turn : 1)]]
              : [],
          ),
      );
    if (top === 'system') return STATUS;
    if (top === 'doctor') return DOCTOR;
    if (top === 'approvals' || top === 'secrets') return [];
    if (answerAbout(top)) return answerAbout(top);
    if (top !== 'agents') throw refuse(404, 'NOT_FOUND', `there is no ${url.pathname}`, '');
    if (!ref) return request.method === 'POST' ? deploy(body) : [...agents.values()];
    const agent = find(ref);
    if (!agent) throw refuse(404, 'NOT_FOUND', `there is no agent "${ref}"`, 'list them: aether ps -a');
    if (!verb && request.method === 'DELETE') {
      agents.delete(agent.id);
      emit(agent, { type: 'process.reaped', pid: agent.number });
      return null;
    }
    if (!verb) return agent;
    if (request.method === 'POST' && verbs[verb]) return verbs[verb](agent, body) ?? null;
    if (verb === 'timeline')
      return events.filter(
        (event) => event.agentId === agent.id && event.seq > Number(url.searchParams.get('since')),
      );
    if (verb === 'terminals') return [...ttys.values()].filter((tty) => tty.pid === agent.number);
    if (verb === 'isolation') return reportOf(agent);
    if (verb === 'entries')
      return directories.has(path)
        ? entriesOf(path)
        : Promise.reject(refuse(404, 'NOT_FOUND', `there is no ${path}`, 'look in its parent'));
    if (verb === 'files' && request.method === 'PUT') {
      files.set(path, raw);
      return null;
    }
    if (verb === 'files' && request.method === 'DELETE')
      return (files.delete(path) || directories.delete(path), null);
    if (verb === 'files' || verb === 'logs') {
      const text = verb === 'logs' ? `output of ${agent.name}\r\n` : files.get(path);
      if (text === undefined) throw refuse(404, 'NOT_FOUND', `there is no ${path}`, '');
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(text);
      return undefined;
    }
    const thought = answerOf(agent, verb, url, (message) => refuse(404, 'NOT_FOUND', message, ''));
    if (thought !== undefined) return thought;
    throw refuse(404, 'NOT_FOUND', `there is no ${url.pathname}`, '');
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, origin());
    response.setHeader(
      'Content-Security-Policy',
      `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self' ws://${request.headers.host}; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'`,
    );
    if (url.pathname === '/signin') {
      response
        .writeHead(303, {
          Location: '/',
          'Set-Cookie': 'aether_token=fixture; Path=/; HttpOnly; SameSite=Strict',
        })
        .end();
    } else if (url.pathname.startsWith('/api/')) {
      api(request, response, url).then(
        (data) =>
          data !== undefined &&
          response
            .writeHead(200, { 'Content-Type': 'application/json' })
            .end(JSON.stringify(Array.isArray(data) ? { data, meta: { total: data.length } } : { data })),
        (error) =>
          response.writeHead(error.status ?? 500, { 'Content-Type': 'application/json' }).end(
            JSON.stringify({
              error: { code: error.code ?? 'INTERNAL', message: error.message, hint: error.hint ?? '' },
            }),
          ),
      );
    } else sendFile(url.pathname, request, response);
  });

  const sockets = new WebSocketServer({ server, verifyClient: ({ req }) => signedIn(req) });
  sockets.on('connection', (socket, request) => {
    const url = new URL(request.url, origin());
    if (url.pathname === '/kernel') serveKernel(socket);
    else serveProcess(socket, find(decodeURIComponent(url.pathname.split('/').at(-1)).split('.')[0]));
  });

  function serveKernel(socket) {
    const tell = (frame) => socket.send(JSON.stringify(frame));
    tell({ type: 'kernel.ready', version: '0.1.0', uptime: 1, seq: events.length });
    let beat = 0;
    const metrics = () => {
      const live = [...agents.values()].filter((agent) => agent.pid !== null);
      const figures = live.map((agent) => [
        agent.number,
        agent.state === 'paused' ? 0 : 0.3 + 0.25 * Math.sin(beat / 3 + agent.number),
        60e6 + 2e6 * ((beat + agent.number * 3) % 9),
      ]);
      beat += 1;
      tell({
        type: 'kernel.metrics',
        processCount: live.length,
        cpus: figures.reduce((sum, each) => sum + each[1], 0),
        memoryBytes: figures.reduce((sum, each) => sum + each[2], 0),
        agents: figures,
      });
    };
    const timer = setInterval(metrics, 400);
    socket.on('close', () => {
      clearInterval(timer);
      kernels.delete(socket);
    });
    socket.on('message', (text) => {
      const command = JSON.parse(String(text));
      const ok = (data) => tell({ type: 'response.ok', id: command.id, data });
      if (command.type === 'events.resume') {
        kernels.add(socket);
        for (const event of events.slice(command.seq)) tell(event);
        ok(null);
      } else if (command.type === 'process.list') ok([...agents.values()]);
      else if (command.type === 'process.info') ok(find(command.pid));
      else if (command.type === 'tty.open') {
        const agent = find(command.pid);
        const tty = {
          ttyId: `${agent.id}.${ttys.size + 2}`,
          pid: agent.number,
          cols: 120,
          rows: 36,
          title: 'bash',
          openedAt: new Date().toISOString(),
          offset: 0,
          oldest: 0,
          closed: false,
        };
        ttys.set(tty.ttyId, tty);
        emit(agent, { type: 'tty.opened', pid: agent.number, tty });
        ok(tty);
      } else if (command.type === 'tty.close') {
        const tty = ttys.get(command.ttyId);
        ttys.delete(command.ttyId);
        emit(find(tty.pid), { type: 'tty.closed', pid: tty.pid, ttyId: tty.ttyId });
        ok(null);
      } else ok(null);
    });
  }

  /** A shell that knows echo. */
  // oxlint-disable-next-line unicorn/consistent-function-scoping
  function serveProcess(socket, agent) {
    let offset = 0;
    const frame = (channel, bytes) => socket.send(Buffer.concat([Buffer.of(channel), bytes]));
    const print = (text) => {
      const bytes = Buffer.from(text);
      const at = Buffer.alloc(8);
      at.writeBigUInt64LE(BigInt(offset));
      offset += bytes.length;
      frame(0, Buffer.concat([at, bytes]));
    };
    frame(4, Buffer.from(JSON.stringify({ tty: true, offset: 0, oldest: 0 })));
    const prompt = `\x1b[32magent@${agent.name}\x1b[0m:\x1b[34m~\x1b[0m$ `;
    print(`${screenOf(agent).lines.slice(0, -1).join('\r\n')}\r\n${prompt}`);
    let line = '';
    socket.on('message', (data) => {
      if (data[0] !== 0) return;
      for (const char of data.subarray(1).toString()) {
        if (char !== '\r') print((line += char) && char);
        else {
          print(`\r\n${line.startsWith('echo ') ? `${line.slice(5)}\r\n` : ''}${prompt}`);
          line = '';
        }
      }
    });
  }

  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  port = server.address().port;
  return {
    url: origin(),
    signin: `${origin()}/signin?code=fixture`,
    told: () => events.length,
    say: (frame) => kernels.forEach((socket) => socket.send(JSON.stringify(frame))),
    drop: () => sockets.clients.forEach((socket) => socket.terminate()),
    stop: () => (
      clearInterval(life),
      sockets.clients.forEach((socket) => socket.terminate()),
      server.closeAllConnections(),
      new Promise((done) => server.close(done))
    ),
  };
}

const entry = (each, kind, size) => ({
  name: each.split('/').at(-1),
  path: each,
  kind,
  size,
  mode: kind === 'file' ? 0o644 : 0o755,
  uid: 1000,
  gid: 1000,
  modifiedAt: new Date(Date.now() - 60_000).toISOString(),
  linkTarget: null,
});

const signedIn = (request) => (request.headers.cookie ?? '').includes('aether_token=fixture');
const refuse = (status, code, message, hint) => Object.assign(new Error(message), { status, code, hint });

function sendFile(path, request, response) {
  const file = join(DIST, normalize(path));
  const found =
    file.startsWith(DIST) && existsSync(file) && statSync(file).isFile() ? file : join(DIST, 'index.html');
  const packed = (request.headers['accept-encoding'] ?? '').includes('gzip') && existsSync(`${found}.gz`);
  response.writeHead(200, {
    'Content-Type': TYPES[extname(found)] ?? 'application/octet-stream',
    ...(packed ? { 'Content-Encoding': 'gzip' } : {}),
  });
  createReadStream(packed ? `${found}.gz` : found).pipe(response);
}
