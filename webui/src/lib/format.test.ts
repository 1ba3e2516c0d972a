import { describe, expect, it } from 'vitest';
import { ago, bytes, count, cpus, duration, mode } from './format';

describe('figures for people', () => {
  it('keeps bytes to three digits in binary units', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(1023)).toBe('1023 B');
    expect(bytes(1024)).toBe('1.00 KiB');
    expect(bytes(45.2 * 1024 * 1024)).toBe('45.2 MiB');
    expect(bytes(512 * 1024 * 1024)).toBe('512 MiB');
    expect(bytes(3 * 1024 ** 5)).toBe('3072 TiB');
  });

  it('shows a whole CPU as 100 % and never hides a small load', () => {
    expect(cpus(0)).toBe('0 %');
    expect(cpus(0.002)).toBe('<1 %');
    expect(cpus(1.5)).toBe('150 %');
  });

  it('names the two largest units of a duration', () => {
    expect(duration(-5)).toBe('0 s');
    expect(duration(340)).toBe('<1 s');
    expect(duration(59_999)).toBe('59 s');
    expect(duration(61_000)).toBe('1 min 1 s');
    expect(duration(11 * 60_000 + 4_000)).toBe('11 min');
    expect(duration(125 * 60_000)).toBe('2 h 5 min');
    expect(duration(49 * 3_600_000)).toBe('2 d 1 h');
  });

  it('never tells a future time when the clocks differ', () => {
    const at = '2026-11-20T12:00:00.000Z';
    const then = Date.parse(at);
    expect(ago(at, then - 3_000)).toBe('just now');
    expect(ago(at, then + 42_000)).toBe('42 s ago');
    expect(ago(at, then + 3 * 86_400_000)).toBe('3 d ago');
    expect(ago('nonsense', then)).toBe('nonsense');
  });

  it('counts and prints permissions', () => {
    expect(count(1, 'agent')).toBe('1 agent');
    expect(count(2, 'process', 'processes')).toBe('2 processes');
    expect(mode(0o644)).toBe('rw-r--r--');
    expect(mode(0o755)).toBe('rwxr-xr-x');
  });
});
