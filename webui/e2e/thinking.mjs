// What the fixture says of agents with a goal: budgets, plans, memories, letters, models and templates.
const at = (secondsAgo) => new Date(Date.now() - secondsAgo * 1000).toISOString();

const SPENT = {
  tokens: 171_000,
  costMicrousd: 412_000,
  steps: 12,
  wallMs: 640_000,
  cpuMs: 31_000,
  bytesOut: 81_000,
};

const line = (kind, used, limit, scope = 'agent') => ({ scope, kind, used, limit });

/** `reviewer` is frozen; others have limits and go on. */
function budgetOf(agent) {
  const below = { tokens: 0, costMicrousd: 0, steps: 0, wallMs: 0, cpuMs: 0, bytesOut: 0 };
  if (agent.spec.program.type !== 'goal')
    return { budget: {}, spent: SPENT, below, lent: below, lines: [], frozen: null, postMortem: null };
  const frozen = agent.name === 'reviewer';
  const lines = [
    line('tokens', frozen ? 200_400 : 171_000, 200_000),
    line('cost', 412_000, 1_500_000),
    line('steps', 12, 50),
    line('wall', 640_000, 7_200_000),
    line('tokens', 900_000, 4_000_000, 'ownerToday'),
  ];
  const why = '200,400 of 200,000 tokens are used up';
  const postMortem = {
    at: at(90),
    why,
    spent: SPENT,
    lastSteps: ['11: run_command git diff main', '12: write_file ~/review.md'],
    byModel: [{ model: '(loop)', answers: 12, tokens: 171_000, costMicrousd: 412_000 }],
    byTool: [
      { tool: 'run_command', calls: 9, failed: 1 },
      { tool: 'write_file', calls: 2, failed: 0 },
    ],
    files: ['/home/agent/review.md'],
  };
  return {
    budget: { tokens: 200_000, costMicrousd: 1_500_000, steps: 50, wallSecs: 7200 },
    spent: SPENT,
    below,
    lent: below,
    lines,
    frozen: frozen ? why : null,
    postMortem: frozen ? postMortem : null,
  };
}

const node = (id, title, status, children = [], actualSteps = null) => ({
  id,
  title,
  status,
  actualSteps,
  children,
});

const PLAN = {
  id: 1,
  goal: 'Inspect this machine and write a report',
  status: 'active',
  createdAt: at(300),
  updatedAt: at(40),
  nodes: [
    node('1', 'Look at the machine', 'completed', [
      node('1.1', 'Processor and memory', 'completed', [], 2),
      node('1.2', 'Disks, without those that are only lent', 'completed', [], 1),
    ]),
    node('2', 'List the compilers', 'active'),
    node('3', 'Measure the network', 'skipped'),
    node('4', 'Write ~/report.md', 'pending'),
  ],
};

const memory = (id, layer, content, tags, importance) => ({
  id,
  layer,
  content,
  tags,
  importance,
  strength: importance * 0.97,
  createdAt: at(id * 700),
  accessedAt: at(id * 60),
  accesses: id,
  expiresAt: null,
});

const MEMORIES = [
  memory(1, 'semantic', 'This machine has two CPUs and 24 GB of memory.', ['hardware'], 0.8),
  memory(
    2,
    'procedural',
    'free is not installed here: read /proc/meminfo instead.',
    ['memory', 'tools'],
    0.7,
  ),
  memory(3, 'episodic', 'Reached a goal: summarised the files in ~/Projects.', [], 0.5),
  memory(4, 'social', 'reviewer answers fast when the branch is named.', ['reviewer'], 0.4),
];

const template = (id, name, category, description, tools, goals) => ({
  id,
  name,
  category,
  description,
  role: name,
  instructions: 'Small steps.',
  tools,
  maxSteps: 40,
  tags: [category],
  goals,
  source: 'built-in',
});

const TEMPLATES = [
  template(
    'code-developer',
    'Code developer',
    'development',
    'Writes and changes code, with tests.',
    ['read_file', 'write_file', 'run_command'],
    ['Add a test for the parser in ~/project and make it pass'],
  ),
  template(
    'code-reviewer',
    'Code reviewer',
    'development',
    'Reads changes and says what is risky.',
    ['read_file', 'list_files'],
    ['Review the changes in ~/project'],
  ),
  template(
    'data-analyst',
    'Data analyst',
    'data',
    'Looks into tables and says what is in them.',
    ['read_file', 'run_command'],
    ['Summarise ~/data.csv in ~/summary.md'],
  ),
];

const provider = (name, state, detail, defaultModel, models = []) => ({
  name,
  interface: name === 'heuristic' ? 'rules' : 'chat',
  state,
  detail,
  defaultModel,
  images: state === 'available' && name !== 'heuristic',
  models,
});

const MODELS = {
  defaultModel: 'openai/gpt-small',
  fallback: ['ollama/llama'],
  tiers: [{ tier: 'flash', model: 'openai/gpt-small' }],
  providers: [
    provider('openai', 'available', '', 'gpt-small', ['gpt-small', 'gpt-large']),
    provider('anthropic', 'noKey', 'no key: aether secret set ANTHROPIC_API_KEY', 'claude'),
    provider(
      'ollama',
      'unreachable',
      'http://127.0.0.1:11434 refused the connection: start it, or set base_url',
      'llama',
    ),
    provider('heuristic', 'available', 'built-in rules, not a model; needs no key', 'heuristic'),
  ],
};

const children = (agent) =>
  agent.name === 'inspector'
    ? [
        { depth: 1, agent: { ...agent, id: 'kfixture0091', name: 'disks' }, spent: SPENT, lent: SPENT },
        {
          depth: 2,
          agent: { ...agent, id: 'kfixture0092', name: 'smart', state: 'dead', phase: 'completed' },
          spent: SPENT,
          lent: SPENT,
        },
      ]
    : [];

/** The answer to a call about none of the agents, or undefined. */
export function answerAbout(top) {
  return { templates: TEMPLATES, models: MODELS, minds: [] }[top];
}

/** The answer to a call about one agent, or undefined. */
export function answerOf(agent, verb, url, missing) {
  const goal = agent.spec.program.type === 'goal';
  const layer = url.searchParams.get('layer');
  const words = (url.searchParams.get('q') ?? '').toLowerCase();
  switch (verb) {
    case 'budget':
      return budgetOf(agent);
    case 'plan':
      if (!goal) throw missing('it has made no plan');
      return PLAN;
    case 'memory':
      return MEMORIES.filter(
        (each) => (!layer || each.layer === layer) && each.content.toLowerCase().includes(words),
      );
    case 'profile':
      return {
        completed: 3,
        failed: 1,
        steps: 61,
        calls: 88,
        callsFailed: 4,
        ratings: 2,
        ratingSum: 9,
        expertise: ['hardware', 'reports'],
        notes: 'Says what was measured and what was not.',
      };
    case 'reflections':
      return [
        { agent: agent.id, at: at(8000), outcome: 'completed', rating: 5, summary: 'Short and whole.' },
      ];
    case 'feedback':
      return [{ step: 1, rating: 1, comment: 'as it should be', by: 'operator', at: at(100) }];
    case 'letters':
      return [
        {
          id: 2,
          from: agent.id,
          to: 'dfixture0004',
          kind: 'review_request',
          about: null,
          content: 'Please read ~/report.md before I am done.',
          sentAt: at(70),
          readAt: null,
        },
      ];
    case 'models':
      return { providers: [], tokenBudget: null, tokensUsed: 0, usage: [] };
    case 'ports':
      return [];
    case 'tree':
      return { nodes: [{ depth: 0, agent, spent: SPENT, lent: SPENT }, ...children(agent)] };
    default:
      return undefined;
  }
}
