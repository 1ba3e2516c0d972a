import { describe, expect, it } from 'vitest';
import type { ModelUsage } from '@/api/generated';
import { dollars, latency, sumByModel } from './models';

const row = (part: Partial<ModelUsage>): ModelUsage => ({
  step: 1,
  provider: 'openai',
  model: 'small',
  calls: 1,
  failed: 0,
  inputTokens: 10,
  outputTokens: 5,
  latencyMs: 400,
  costMicrousd: 100,
  ...part,
});

describe('use of models', () => {
  it('is summed by model over steps, most tokens first', () => {
    const sums = sumByModel([row({}), row({ step: 2, failed: 1 }), row({ model: 'large', inputTokens: 99 })]);
    expect(sums.map((sum) => sum.model)).toEqual(['large', 'small']);
    expect(sums[1]).toMatchObject({ calls: 2, failed: 1, inputTokens: 20, costMicrousd: 200, steps: 2 });
    expect(latency(sums[1]!)).toBe('400 ms');
  });

  it('never takes a missing price for nothing', () => {
    expect(sumByModel([row({ costMicrousd: null })])[0]).toMatchObject({
      costMicrousd: null,
      unpriced: true,
    });
    const mixed = sumByModel([row({}), row({ costMicrousd: null }), row({})])[0];
    expect(mixed).toMatchObject({ costMicrousd: 200, unpriced: true });
  });

  it('shows small costs with the digits that they have', () => {
    expect([0, 1, 4500, 10_000, 1_234_567].map(dollars)).toEqual([
      '$0.00',
      '$0.000001',
      '$0.0045',
      '$0.01',
      '$1.23',
    ]);
    expect(latency({ latencyMs: 3000, calls: 2 })).toBe('1.5 s');
    expect(latency({ latencyMs: 0, calls: 0 })).toBe('–');
  });
});
