import type { ModelProvider, ModelUsage } from '@/api/generated';

export const PROVIDERS: Record<ModelProvider, string> = {
  openai: 'OpenAI',
  anthropic: 'Anthropic',
  gemini: 'Gemini',
  ollama: 'Ollama',
};
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ModelProvider[];

/** What all calls to one model came to. */
export interface ModelSum extends Omit<ModelUsage, 'step' | 'costMicrousd'> {
  /** Of the calls that have a price; null when none has. */
  costMicrousd: number | null;
  /** Some calls have no price: the sum is at least this. */
  unpriced: boolean;
  steps: number;
}

/** Rows by step as sums by model, most tokens first. */
export function sumByModel(usage: readonly ModelUsage[]): ModelSum[] {
  const sums = new Map<string, ModelSum>();
  for (const { step: _step, costMicrousd: cost, ...row } of usage) {
    const key = `${row.provider} ${row.model}`;
    const sum = sums.get(key);
    if (!sum) {
      sums.set(key, { ...row, costMicrousd: cost, unpriced: cost === null, steps: 1 });
      continue;
    }
    sum.calls += row.calls;
    sum.failed += row.failed;
    sum.inputTokens += row.inputTokens;
    sum.outputTokens += row.outputTokens;
    sum.latencyMs += row.latencyMs;
    sum.steps += 1;
    sum.unpriced ||= cost === null;
    if (cost !== null) sum.costMicrousd = (sum.costMicrousd ?? 0) + cost;
  }
  const tokens = (sum: ModelSum) => sum.inputTokens + sum.outputTokens;
  return [...sums.values()].toSorted((a, b) => tokens(b) - tokens(a) || a.model.localeCompare(b.model));
}

/** Millionths of a dollar for people: cents where there are some, else what is left of them. */
export function dollars(micro: number): string {
  const value = micro / 1e6;
  if (micro === 0) return '$0.00';
  return value < 0.01 ? `$${value.toFixed(6).replace(/0+$/, '')}` : `$${value.toFixed(2)}`;
}

/** The mean time of a call. */
export function latency(sum: Pick<ModelSum, 'latencyMs' | 'calls'>): string {
  if (sum.calls === 0) return '–';
  const mean = sum.latencyMs / sum.calls;
  return mean < 1000 ? `${Math.round(mean)} ms` : `${(mean / 1000).toFixed(1)} s`;
}
