// Agents of the fixture server: every state that the pages must tell apart.

const at = (secondsAgo) => new Date(Date.now() - secondsAgo * 1000).toISOString();

const LAYERS = {
  'user-namespace': 'uids 1048576 to 1114111',
  namespaces: 'pid, mount, ipc, uts, cgroup, time',
  network: 'loopback only',
  filesystem: 'read-only base, overlay home',
  cgroup: 'cgroup v2, freeze and kill',
  memory: '512 MiB, no swap',
  pids: '256',
  cpu: '1 CPU',
  landlock: 'ABI 7',
  seccomp: '214 calls allowed',
  capabilities: 'none, no_new_privs',
};

function enforcement(missing) {
  const layers = Object.fromEntries(
    Object.entries(LAYERS).map(([name, detail]) => [
      name,
      name === missing ? { active: false, detail: 'not built into this kernel' } : { active: true, detail },
    ]),
  );
  return { mode: missing ? 'reduced' : 'full', layers };
}

export function makeAgent(number, wish) {
  const live = !['dead', 'queued'].includes(wish.state ?? 'running');
  const id = `${'abcdefghij'[number % 10]}fixture${String(number).padStart(4, '0')}`;
  return {
    id,
    number,
    uid: `agent_${number}`,
    name: `agent-${number}`,
    owner: 'operator',
    pid: live ? 4000 + number : null,
    state: 'running',
    phase: 'executing',
    role: null,
    spec: { program: { type: 'command', argv: ['bash', '--login'], tty: true, stdin: true } },
    model: wish.spec?.program.type === 'goal' ? 'heuristic' : null,
    step: 0,
    maxSteps: null,
    queuePosition: null,
    cgroup: live ? `/aether/${id}` : null,
    uidRange: live ? { start: 1048576 + number * 65536, size: 65536 } : null,
    enforcement: wish.state === 'queued' ? null : enforcement(wish.missing),
    home: '/home/agent',
    createdAt: at(3600 - number * 7),
    startedAt: wish.state === 'queued' ? null : at(3590 - number * 7),
    endedAt: wish.state === 'dead' ? at(300 - number * 3) : null,
    exit: null,
    lastAction: null,
    usage: live
      ? {
          cpuUsec: 41_000_000,
          cpus: 0.4,
          memoryBytes: 84_000_000,
          memoryPeakBytes: 131_000_000,
          memoryLimitBytes: 536_870_912,
          pids: 7,
          pidsLimit: 256,
        }
      : null,
    ...wish,
    missing: undefined,
  };
}

const goal = (text) => ({ program: { type: 'goal', goal: text } });
const run = (...argv) => ({ program: { type: 'command', argv } });

export function busyFleet() {
  const wishes = [
    {
      name: 'inspector',
      role: 'Inspector',
      spec: goal('Inspect this machine and write a report'),
      phase: 'thinking',
      step: 4,
      maxSteps: 50,
      lastAction: 'run_command lscpu',
    },
    {
      name: 'builder',
      spec: { program: { type: 'command', argv: ['make', '-j2', 'test'], tty: true } },
      lastAction: 'make -j2 test',
    },
    { name: 'shell', lastAction: null },
    {
      name: 'reviewer',
      role: 'Reviewer',
      spec: goal('Review the changes in ~/Projects/parser and list what is risky'),
      state: 'sleeping',
      phase: 'waiting',
      step: 12,
      maxSteps: 50,
      lastAction: 'Asks which branch to compare with',
    },
    {
      name: 'indexer',
      spec: run('python3', 'index.py', '--all'),
      state: 'paused',
      lastAction: 'python3 index.py --all',
    },
    {
      name: 'legacy-tests',
      spec: run('sh', '-c', 'cd legacy && ./run-tests'),
      missing: 'landlock',
      lastAction: 'sh -c ./run-tests',
    },
    { name: 'nightly', spec: run('cargo', 'test', '--offline'), state: 'queued', queuePosition: 1 },
    {
      name: 'summary',
      role: 'Reader',
      spec: goal('Summarise the files in ~/Projects'),
      state: 'dead',
      phase: 'completed',
      exit: { code: 0, reason: 'completed its goal' },
      step: 9,
      maxSteps: 50,
      lastAction: 'complete Wrote summary.md with 14 entries',
    },
    {
      name: 'flaky',
      spec: run('sh', '-c', 'exit 3'),
      state: 'dead',
      phase: 'failed',
      exit: { code: 3 },
      missing: 'landlock',
    },
    {
      name: 'runaway',
      spec: run('python3', 'loop.py'),
      state: 'dead',
      phase: 'failed',
      exit: { code: 137, signal: 'SIGKILL', reason: 'killed by operator' },
    },
  ];
  return wishes.map((wish, i) => makeAgent(i + 1, wish));
}

const SCREENS = {
  inspector: [
    '$ lscpu',
    'Architecture:            x86_64',
    '  CPU op-mode(s):        32-bit, 64-bit',
    '  Byte Order:            Little Endian',
    'CPU(s):                  2',
    '  On-line CPU(s) list:   0,1',
    'Model name:              Example Processor',
    'Thought: the report needs memory and disks as well',
  ],
  builder: [
    'cc -O2 -Wall -c -o parse.o parse.c',
    'cc -O2 -Wall -c -o eval.o eval.c',
    'cc -O2 -Wall -o calc parse.o eval.o -lm',
    './calc --self-test',
    'ok 1 - integers',
    'ok 2 - precedence',
    'ok 3 - parentheses',
    'ok 4 - unary minus',
    '# 4 of 61',
  ],
  shell: ['agent@shell:~$ ls', 'Desktop  Documents  Downloads  Projects', 'agent@shell:~$ '],
};

export function screenOf(agent, version = 1) {
  const lines = SCREENS[agent.name] ?? [`$ ${agent.spec.program.argv?.join(' ') ?? agent.spec.program.goal}`];
  const more = Array.from({ length: version > 1 ? 12 : 0 }, (_, i) => `cc -O2 -c part-${version + i}.c`);
  return { cols: 120, rows: 36, lines: [...lines, ...more], version };
}

export function timelineOf(agent, seq) {
  const pid = agent.number;
  const step = (n) => ({
    type: 'agent.progress',
    pid,
    step: n,
    maxSteps: 50,
    summary: '',
    model: n < 3 ? 'openai/gpt-small' : 'ollama/llama',
    tokens: 1300 * n,
    costMicrousd: n < 3 ? 2600 * n : null,
  });
  const bodies = [
    { type: 'process.spawned', pid, info: agent },
    {
      type: 'agent.thought',
      pid,
      step: 1,
      thought: 'I start with the processor and memory, then disks and tools.',
    },
    step(1),
    { type: 'agent.action', pid, step: 1, tool: 'run_command', args: { command: 'lscpu | head -20' } },
    {
      type: 'agent.observation',
      pid,
      step: 1,
      tool: 'run_command',
      ok: true,
      result: 'Architecture: x86_64\nCPU(s): 2\nModel name: Example Processor\nL2 cache: 4 MiB',
    },
    { type: 'agent.thought', pid, step: 2, thought: 'Memory next.' },
    step(2),
    { type: 'agent.action', pid, step: 2, tool: 'run_command', args: { command: 'free -h' } },
    {
      type: 'agent.observation',
      pid,
      step: 2,
      tool: 'run_command',
      ok: false,
      result: 'free: command not found\nexit status 127',
    },
    { type: 'agent.userMessage', pid, content: 'Please also list the compilers.' },
    { type: 'agent.log', pid, level: 'info', message: 'ollama/llama answers: openai is resting' },
    { type: 'agent.compacted', pid, step: 3, summedUp: 1, tokensBefore: 31_000, tokensAfter: 9000 },
    step(3),
    {
      type: 'agent.action',
      pid,
      step: 3,
      tool: 'write_file',
      args: { path: '/home/agent/report.md', content: '# Report\n\nTwo CPUs.' },
    },
    { type: 'agent.observation', pid, step: 3, tool: 'write_file', ok: true, result: 'wrote 22 bytes' },
    step(4),
    {
      type: 'agent.action',
      pid,
      step: 4,
      tool: 'write_file',
      args: { path: '/home/agent/report.md', content: '# Report\n\nTwo CPUs.\nCompilers: cc, c++.\n' },
    },
    { type: 'agent.observation', pid, step: 4, tool: 'write_file', ok: true, result: 'wrote 43 bytes' },
  ];
  return bodies.map((body, i) => ({
    seq: seq + i,
    at: at(200 - i * 12),
    agentId: agent.id,
    owner: agent.owner,
    ...body,
  }));
}

export const STATUS = {
  version: '0.1.0',
  uptime: 9000,
  startedAt: at(9000),
  hostname: 'fixture',
  kernel: '6.18.0',
  live: 6,
  queued: 1,
  ended: 3,
  maxConcurrent: 64,
  cpus: 2,
  load: [0.42, 0.38, 0.3],
  memoryTotalBytes: 24_000_000_000,
  memoryAvailableBytes: 19_000_000_000,
  diskTotalBytes: 250_000_000_000,
  diskFreeBytes: 120_000_000_000,
  providers: [
    { name: 'heuristic', available: true, detail: 'fixed rules, not a model' },
    { name: 'openai', available: false, detail: 'set AETHER_OPENAI_KEY' },
  ],
};

export const DOCTOR = {
  findings: [
    {
      name: 'kernel',
      group: 'kernel',
      meaning: 'every layer of a sandbox',
      status: 'ok',
      detail: 'Linux 6.18.0',
      fix: '',
    },
    {
      name: 'user-namespaces',
      group: 'kernel',
      meaning: 'ids and processes of their own',
      status: 'ok',
      detail: 'allowed',
      fix: '',
    },
    {
      name: 'landlock',
      group: 'kernel',
      meaning: 'the second wall around files',
      status: 'failure',
      detail: 'not in the list of active security modules',
      fix: 'add landlock to the lsm= parameter of the kernel',
    },
    {
      name: 'cgroups',
      group: 'cgroup',
      meaning: 'limits of agents',
      status: 'ok',
      detail: 'v2 with memory, pids, cpu',
      fix: '',
    },
    {
      name: 'swap',
      group: 'cgroup',
      meaning: 'memory of agents stays in memory',
      status: 'warning',
      detail: 'pages of agents may be written to disk',
      fix: 'sudo swapoff -a',
    },
  ],
};
