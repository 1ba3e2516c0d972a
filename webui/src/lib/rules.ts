import type { RuleEffect, ToolRule } from '@/api/generated';

/** What a rule can be about, as the command line names it. */
export const ABOUT = {
  command: { label: 'a command', example: 'git push*' },
  path: { label: 'a path', example: '~/keys/**' },
  tool: { label: 'a tool', example: 'browse_web' },
  host: { label: 'a host', example: '*.example.com' },
  argument: { label: 'any argument', example: '*password*' },
  tainted: { label: 'anything, after it read from outside', example: '' },
} as const;
export type About = keyof typeof ABOUT;

export const EFFECTS: Record<RuleEffect, string> = {
  ask: 'Ask me about',
  deny: 'Deny',
  allow: 'Allow',
};

/** A rule as typed. */
export interface RuleDraft {
  then: RuleEffect;
  about: About;
  pattern: string;
}

export const EMPTY_RULE: RuleDraft = { then: 'ask', about: 'command', pattern: '' };

/** Rules as typed, in their order; the first wrong one is named. */
export function readRules(drafts: readonly RuleDraft[]): { rules: ToolRule[]; error: string | null } {
  const rules: ToolRule[] = [];
  for (const [i, { then, about, pattern }] of drafts.entries()) {
    const text = pattern.trim();
    if (about === 'tainted') {
      rules.push({ then, tainted: true });
      continue;
    }
    if (text === '')
      return { rules, error: `Rule ${i + 1} needs a pattern, for example ${ABOUT[about].example}` };
    if (about === 'path' && !/^(\/|~|\*\*)/.test(text))
      return { rules, error: `Rule ${i + 1}: begin the path with /, ~ or **.` };
    rules.push({ then, [about]: text });
  }
  return { rules, error: null };
}

/** A rule for `--rule`: short where that can say it. */
export function ruleWord(rule: ToolRule): string {
  const { then, ...rest } = rule;
  const named = Object.entries(rest).filter(([, value]) => value != null);
  const [first] = named;
  if (named.length === 1 && first && typeof first[1] === 'string') return `${then} ${first[0]}=${first[1]}`;
  if (named.length === 0) return then;
  return JSON.stringify({ then, ...Object.fromEntries(named) });
}

export const ruleWords = (rules: readonly ToolRule[] | undefined): string[] =>
  (rules ?? []).flatMap((rule) => ['--rule', ruleWord(rule)]);
