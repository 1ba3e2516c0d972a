// What the model of the far side says, by the words of the goal and turn by turn; after that it is done.
const call = (name, args) => ({ function: { name, arguments: args } });

/** An answer in pieces, each behind a gate that the test opens. */
const pieces = (each, ...calls) => ({
  pieces: Object.entries(each).map(([gate, words]) => ({ gate, words })),
  calls,
});

const turn = (...calls) => ({ say: 'I go on with the script.', calls });

/** What it was asked with: the model, its tools, and whether a person's words came along. */
function heard(asked) {
  const tools = (asked.tools ?? []).map((each) => each.function.name).join(' ');
  const told = asked.messages.some((each) => String(each.content).includes('Mind the tests'));
  return { say: `${asked.model} may use: ${tools}. ${told ? 'I was told to mind the tests.' : ''}` };
}

const SCRIPTS = [
  [
    'follow the script',
    [
      turn(
        call('create_plan', {
          goal: 'Keep notes',
          nodes: [{ title: 'Write the file' }, { title: 'Push it' }],
        }),
      ),
      turn(call('write_file', { path: '~/notes.md', content: 'one\ntwo\nthree\n' })),
      turn(
        call('write_file', { path: '~/notes.md', content: 'one\n2\nthree\n' }),
        call('remember', { content: 'The notes live in ~/notes.md' }),
      ),
      turn(call('run_command', { command: 'git push first' })),
      turn(call('run_command', { command: 'git push second' })),
      turn(call('run_command', { command: 'cat notes.md' })),
    ],
  ],
  [
    'be steered',
    [
      pieces({ look: 'I look', around: ' around first.' }, call('run_command', { command: 'ls' })),
      pieces({ wonder: 'I wonder', next: ' what is next.' }, call('think', { thought: 'What is next?' })),
      (asked) => ({ ...heard(asked), calls: [call('run_command', { command: 'rm -r tests' })] }),
    ],
  ],
  [
    'be a parent',
    [turn(call('spawn_agent', { role: 'Tester', goal: 'be a child' })), turn(call('wait_for_agents', {}))],
  ],
  [
    'be a child',
    [pieces({ test: 'I test', everything: ' everything.' }, call('think', { thought: 'All is well.' }))],
  ],
];

/** What to answer to this question; nothing when no script is about it. */
export function scriptOf(asked) {
  const messages = asked.messages ?? [];
  const about = SCRIPTS.find(([words]) => messages.some((each) => String(each.content).includes(words)));
  if (!about) return undefined;
  const next = about[1][messages.filter((each) => each.role === 'assistant').length];
  if (!next) return turn(call('complete', { summary: 'Everything was tried.' }));
  return typeof next === 'function' ? next(asked) : next;
}
