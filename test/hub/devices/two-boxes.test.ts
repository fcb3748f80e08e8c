import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, desiredOf, startHub, statusOf } from '../start-hub.ts';
import type { Box } from './box.ts';
import { createBox } from './box.ts';
import { event } from './scripted-device.ts';

/** One box that goes and comes in every way, and two that have one name. */

const DAY_MS = 24 * 3_600_000;

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
});
afterEach(() => hub.stop());

const device = async () => (await hub.call('GET', `${DEVICES}/edge-1`)).body;
const condition = async (type: string) =>
  (await device()).status?.conditions?.find((one) => one.type === type);
const row = () => hub.store.transaction(({ devices }) => devices.get('edge-1'));
/** What the hub has been told, in order. */
const told = async () => {
  const range = { device: 'edge-1', fromMs: 0, untilMs: Infinity, limit: 100 };
  const entries = await hub.store.transaction(({ timeline }) => timeline.list(range));
  return entries.filter(({ kind }) => kind === 'event').map(({ message }) => message);
};
/** A box takes the link, and the other's connection ends by it. */
async function takeOver(from: Box, to: Box) {
  from.gone();
  return to.hello();
}

describe('one box', () => {
  test('that is booted again and again is one', async () => {
    const box = createBox(hub, 'edge-1');
    for (let boots = 0; boots < 12; boots += 1) {
      expect(await box.hello()).toMatchObject({ kind: 'welcome' });
      await box.report(event(`boot ${boots}`));
      box.bootId = randomUUID();
      hub.clock.advance(60_000);
    }
    expect(await row()).toMatchObject({ returns: 0 });
    expect(await condition('DuplicateIdentity')).toBeUndefined();
    expect(await told()).toHaveLength(12);
  });

  test('that has a new store is one', async () => {
    const box = createBox(hub, 'edge-1');
    await box.hello();
    await box.report(event('before'));
    const anew = createBox(hub, 'edge-1', { bootId: box.bootId });
    for (let times = 0; times < 4; times += 1)
      expect(await anew.hello()).toMatchObject({ kind: 'welcome', sequence: 0 });
    await anew.report(event('after'));
    expect(await row()).toMatchObject({ returns: 0 });
    expect(await told()).toEqual(['before', 'after']);
  });

  test('whose hello of an earlier boot comes late is one, and goes on as it is', async () => {
    const box = createBox(hub, 'edge-1');
    const first = { bootId: box.bootId, sent: box.sent() };
    await box.hello();
    await box.report(event('one'));
    box.bootId = randomUUID();
    await box.hello();
    const before = await row();
    // Said again by a broker, and one that had not been heard yet.
    expect(await box.hello({ sent: first.sent, connection: 1 })).toMatchObject({
      kind: 'welcome',
      connection: 1,
    });
    expect(await row()).toEqual(before);
    box.connection = 2;
    await box.report(event('two'));
    await box.hello({ sent: first.sent, connection: 3 });
    box.connection = 3;
    await box.hello();
    expect(await condition('DuplicateIdentity')).toBeUndefined();
    expect(await told()).toEqual(['one', 'two']);
  });

  test('whose store was set back goes on in a new epoch, and loses nothing', async () => {
    const box = createBox(hub, 'edge-1');
    await box.hello();
    await box.report(event('one'), event('two'));
    const setBack = createBox(hub, 'edge-1', { epoch: box.epoch, bootId: box.bootId, next: 2 });
    expect(await setBack.hello()).toMatchObject({ kind: 'renew', sequence: 1 });
    const renewed = createBox(hub, 'edge-1', { bootId: box.bootId, connection: 1 });
    await renewed.hello();
    await renewed.report(event('three'));
    expect(await told()).toEqual(['one', 'two', 'three']);
    expect(await row()).toMatchObject({ returns: 0 });
  });
});

describe('a box and the copy of its disk', () => {
  let box: Box;
  /** The copy, as the disk was when the box had told of one thing. */
  const copy = (change: { connection?: number; next?: number } = {}) =>
    createBox(hub, 'edge-1', { epoch: box.epoch, hostname: 'copy', connection: 1, next: 2, ...change });
  beforeEach(async () => {
    box = createBox(hub, 'edge-1', { hostname: 'first' });
    await box.hello();
    await box.report(event('one'));
  });

  /** The same box after it made a new epoch, as it was asked to. */
  const renewed = (old: Box, hostname: string) =>
    createBox(hub, 'edge-1', { bootId: old.bootId, hostname, connection: old.connection });

  test('has a connection that the box had before: it is asked for an epoch of its own at once', async () => {
    await box.hello();
    expect(await takeOver(box, copy())).toMatchObject({ kind: 'renew' });
  });

  test('has reports that the box gave other numbers: it is asked for an epoch of its own', async () => {
    await box.report(event('two'));
    const other = copy({ connection: 7 });
    expect(await takeOver(box, other)).toMatchObject({ kind: 'renew', sequence: 0 });
    const own = renewed(other, 'copy');
    await own.hello();
    await own.report(event('of the copy'));
    expect(await takeOver(own, box)).toMatchObject({ kind: 'welcome', sequence: 2 });
    await box.report(event('three'));
    expect(await told()).toEqual(['one', 'two', 'of the copy', 'three']);
  });

  test('that comes first is taken for the box booted again: then the box gets the epoch, and loses nothing', async () => {
    const other = copy({ connection: 7 });
    expect(await takeOver(box, other)).toMatchObject({ kind: 'welcome', sequence: 1 });
    await other.report(event('of the copy'));
    // The box has numbered a report, the hub never got it, and has another one of that number.
    box.next = 3;
    expect(await takeOver(other, box)).toMatchObject({ kind: 'renew', sequence: 1 });
    const own = renewed(box, 'first');
    await own.hello();
    await own.report(event('two of the box'));
    expect(await takeOver(own, other)).toMatchObject({ kind: 'welcome', sequence: 2 });
    await other.report(event('more of the copy'));
    expect(await told()).toEqual(['one', 'of the copy', 'two of the box', 'more of the copy']);
  });

  test('that comes first does not have the box tell again what was committed', async () => {
    await box.report(event('two'));
    const other = copy({ connection: 7, next: 3 });
    await takeOver(box, other);
    await other.report(event('of the copy'));
    // The box has not heard that its second is committed, and has numbered a third.
    box.next = 4;
    expect(await takeOver(other, box)).toMatchObject({ kind: 'renew', sequence: 2 });
  });

  test('that has the link is heard, and what of the other box comes late is not taken for its own', async () => {
    const other = copy({ connection: 7 });
    await takeOver(box, other);
    box.say(event('too late'));
    await other.report(event('of the copy'));
    expect(await told()).toEqual(['one', 'of the copy']);
  });
});

describe('two boxes of one name', () => {
  let one: Box;
  let two: Box;
  beforeEach(() => {
    one = createBox(hub, 'edge-1', { hostname: 'front' });
    two = createBox(hub, 'edge-1', { hostname: 'back' });
  });

  /** They take the link from each other until that is noticed. */
  async function quarrel(): Promise<void> {
    await one.hello();
    await takeOver(one, two);
    await takeOver(two, one);
    await takeOver(one, two);
    expect(await row()).not.toHaveProperty('duplicateSinceMs');
    await takeOver(two, one);
    await waitFor('the condition', () => condition('DuplicateIdentity'));
  }

  test('are both shown, slowed down, and all of their reports are taken', async () => {
    await one.hello();
    await one.report(event('of one'));
    await takeOver(one, two);
    await two.report(event('of two'));
    await takeOver(two, one);
    await takeOver(one, two);
    await two.report(event('more of two'));
    expect(await takeOver(two, one)).toMatchObject({ kind: 'welcome', sequence: 1, spreadMs: 300_000 });
    await one.report(event('more of one'));
    expect(await told()).toEqual(['of one', 'of two', 'more of two', 'more of one']);
    const { status, message } = await waitFor('the condition', () => condition('DuplicateIdentity'));
    expect(status).toBe('True');
    expect(message).toContain(`front (10.0.0.1, boot ${one.bootId}), heard at 2026-03-01T08:00:00.000Z`);
    expect(message).toContain(`back (10.0.0.1, boot ${two.bootId}), heard at 2026-03-01T08:00:00.000Z`);
  });

  test('do not count as gone while the other follows, and do where it does not', async () => {
    await quarrel();
    await takeOver(one, two);
    hub.clock.advance(11_000);
    await two.report(event('here'));
    expect(await row()).toMatchObject({ presence: 'connected', epoch: two.epoch });
    two.gone();
    await waitFor('the wait', () => hub.clock.waiting().includes(10_000));
    hub.clock.advance(9_000);
    expect(await row()).toMatchObject({ presence: 'connected' });
    hub.clock.advance(2_000);
    await waitFor('the end of the link', async () => (await row())?.presence === 'disconnected');
  });

  test('run a machine that is shown as the first of them tells it', async () => {
    await quarrel();
    await hub.call('POST', VMS, machine('till'));
    hub.clock.advance(1_000);
    const { uid } = await waitFor('its place', async () => {
      return (await hub.store.transaction(({ machines }) => machines.list('edge-1')))[0];
    });
    await one.report({ kind: 'machine', status: statusOf(uid, 'till', 'Running') });
    await takeOver(one, two);
    await two.report({ kind: 'machine', status: statusOf(uid, 'till', 'Stopped') });
    const { status } = await waitFor('it', () => hub.store.transaction(({ machines }) => machines.get(uid)));
    expect(status).toMatchObject({ state: 'Running' });
    const { items } = (await hub.call('GET', VMS)).body;
    expect(items[0]?.status?.printableStatus).toBe('Running');
  });

  test('are one again when the other has not been heard for a day, and that one tells all', async () => {
    await quarrel();
    hub.clock.advance(DAY_MS / 2);
    expect(await one.hello()).toMatchObject({ kind: 'welcome', tellAll: false });
    expect(await condition('DuplicateIdentity')).toBeDefined();
    hub.clock.advance(DAY_MS / 2 + 1);
    expect(await one.hello()).toMatchObject({ kind: 'welcome', tellAll: true });
    await one.report({ kind: 'told', generation: 0, machines: [] });
    await waitFor('the condition to go', async () => (await condition('DuplicateIdentity')) === undefined);
  });

  test('are one again when an operator says so, until the other is heard again', async () => {
    await quarrel();
    const annotations = { 'holdfast.dev/one-box': 'yes', 'example.com/kept': 'this' };
    await hub.call('PATCH', `${DEVICES}/edge-1`, { metadata: { annotations } });
    await waitFor('the condition to go', async () => (await condition('DuplicateIdentity')) === undefined);
    expect((await device()).metadata.annotations).toEqual({ 'example.com/kept': 'this' });
    await waitFor('the question', () => one.answers().some(({ kind }) => kind === 'later'));
    expect(await one.hello()).toMatchObject({ kind: 'welcome', tellAll: true });
    await takeOver(one, two);
    await takeOver(two, one);
    await takeOver(one, two);
    await takeOver(two, one);
    await waitFor('the condition', () => condition('DuplicateIdentity'));
  });

  test('have no machine of one of them taken for deleted, or for news, by the word of the other', async () => {
    await quarrel();
    await hub.call('POST', VMS, machine('till'));
    hub.clock.advance(1_000);
    const machines = await waitFor('the document', () => {
      const desired = desiredOf(hub.sent, 'edge-1')?.machines ?? [];
      return desired.length === 1 && desired;
    });
    const uid = String(machines[0]?.uid);
    await one.report({ kind: 'machine', status: statusOf(uid, 'till', 'Running') });
    await takeOver(one, two);
    await two.tell(1);
    expect(await hub.store.transaction(({ machines: all }) => all.get(uid))).not.toHaveProperty('heldBack');
    await hub.call('DELETE', `${VMS}/till`);
    await takeOver(two, one);
    await waitFor('the removal', () => desiredOf(hub.sent, 'edge-1')?.machines[0]?.removed === true);
    await one.report({ kind: 'machine', status: statusOf(uid, 'till', 'Removed') });
    await waitFor('its end', async () => (await hub.call('GET', `${VMS}/till`)).code === 404);
    // The other has not been told yet: it has what was deleted.
    await takeOver(one, two);
    await two.report({ kind: 'machine', status: statusOf(uid, 'till', 'Running') });
    await waitFor('the question', () => two.answers().some(({ kind }) => kind === 'later'));
  });
});
