import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  ackMessage,
  desiredMessage,
  goneMessage,
  helloMessage,
  reportBody,
  reportMessage,
  requestBody,
  requestMessage,
  responseMessage,
} from '../../../shared/protocol/messages.ts';
import { chooseVersion, PROTOCOL } from '../../../shared/protocol/version.ts';

describe('two sides of different versions', () => {
  test.each([
    ['an old agent and a new hub', { min: 1, max: 1 }, { min: 1, max: 3 }, 1],
    ['a new agent and an old hub', { min: 1, max: 3 }, { min: 1, max: 2 }, 2],
    ['a hub that has dropped the oldest', { min: 1, max: 2 }, { min: 2, max: 4 }, 2],
    ['an agent that is too old', { min: 1, max: 1 }, { min: 2, max: 3 }, undefined],
    ['a hub that is too old', { min: 3, max: 4 }, { min: 1, max: 2 }, undefined],
  ])('%s speak the newest that both do', (_who, agent, hub, version) => {
    expect(chooseVersion(agent, hub)).toBe(version);
    expect(chooseVersion(hub, agent)).toBe(version);
  });
});

/**
 * Messages of protocol 1 as agents and hubs out there send them. A line of that file is never changed: a side that
 * no longer reads one has stopped speaking protocol 1.
 */
describe('protocol 1', () => {
  const schemas = {
    hello: helloMessage,
    gone: goneMessage,
    report: reportMessage,
    body: reportBody,
    ack: ackMessage,
    desired: desiredMessage,
    request: requestMessage,
    verb: requestBody,
    response: responseMessage,
  };
  const lines = readFileSync(join(import.meta.dirname, 'protocol-1.jsonl'), 'utf8')
    .trim()
    .split('\n');

  test('is spoken', () => {
    expect(chooseVersion(PROTOCOL, { min: 1, max: 1 })).toBe(1);
  });

  test.each(lines)('%s', (line) => {
    const [kind, message] = JSON.parse(line) as [keyof typeof schemas, object];
    expect(schemas[kind].parse(message)).toEqual(message);
  });
});
