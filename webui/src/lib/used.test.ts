import { describe, expect, it } from 'vitest';
import { usedWords } from './used';

const used = {
  cpuUsec: 1_204_000,
  memoryPeakBytes: 34 * 1024 * 1024,
  largestProcessBytes: 9 * 1024 * 1024,
  readBytes: 0,
  writtenBytes: 4096,
  mostTasks: 3,
  left: 0,
  leftRunning: false,
  absent: [],
};

describe('what a call used', () => {
  it('is told in a few words', () => {
    expect(usedWords(used)).toMatch(/^CPU 1\.20 s · memory 34.0 MiB · written 4.00 KiB · up to 3 processes$/);
  });

  it('leaves out what is not counted, and never calls it nothing', () => {
    const some = { ...used, cpuUsec: 1, memoryPeakBytes: null, writtenBytes: null, mostTasks: null, left: 2 };
    expect(usedWords(some)).toMatch(/^CPU 1 ms · largest process 9.00 MiB · 2 left behind were killed$/);
    const none = { ...some, cpuUsec: null, largestProcessBytes: null, left: 1, leftRunning: true };
    expect(usedWords(none)).toBe('1 go on');
  });
});
