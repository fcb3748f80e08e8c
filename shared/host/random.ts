import { randomUUID } from 'node:crypto';
import type { Random } from '../ports.ts';

export function createRandom(): Random {
  return { fraction: () => Math.random(), uuid: () => randomUUID() };
}
