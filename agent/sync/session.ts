import { messageOf } from '../../shared/base/errors.ts';
import type { HelloMessage } from '../../shared/protocol/messages.ts';
import {
  ackMessage,
  decodeMessage,
  encodeMessage,
  PROTOCOL_VERSION,
} from '../../shared/protocol/messages.ts';
import type { HubChannel } from '../../shared/protocol/topics.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { Connection, Link, Store } from '../ports.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';
import { createOutbox } from './outbox.ts';

/** The first wait before connecting again; it doubles up to the longest. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 20_000;
/** How long the hub may take to answer hello or reports before the connection is given up, whatever MQTT says. */
const ANSWER_DEADLINE_MS = 30_000;
/** How often hello is said again on a quiet link, so that hub and device compare what they hold. */
const COMPARE_EVERY_MS = 15 * 60_000;

export interface Session {
  start(): void;
  /** There may be something to send. */
  wake(): void;
  readonly link: () => { readonly up: boolean; readonly sinceMs: number };
  stop(): Promise<void>;
}

interface SessionOptions {
  readonly agentVersion: string;
  readonly store: Store;
  readonly link: Link;
  readonly inbox: Inbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Keeps the device connected: connects, says hello, sends reports, and starts over when the link is lost or the
 * hub is silent for too long. The link counts as up once the hub has answered hello.
 */
export function createSession({
  agentVersion,
  store,
  link,
  inbox,
  clock,
  random,
  log,
}: SessionOptions): Session {
  let up = store.link() ?? { up: false, sinceMs: clock.now() };
  let current: { connection: Connection; outbox: Outbox } | undefined;
  let attempts = 0;
  let stopped = false;
  let cancelRetry = () => {};
  let cancelDeadline = () => {};
  let cancelCompare = () => {};
  // Answers to a connection that was given up are not for the next one.
  let generation = 0;

  function noteLink(isUp: boolean): void {
    if (up.up === isUp) return;
    up = { up: isUp, sinceMs: clock.now() };
    storeLink();
    log.info({ up: isUp }, isUp ? 'link up' : 'link down');
  }

  function storeLink(): void {
    try {
      store.saveLink(up);
    } catch (error) {
      // Only the time until an agent's next start is lost with it.
      log.warn({ error: messageOf(error) }, 'the state of the link could not be stored');
    }
  }

  async function connect(): Promise<void> {
    const mine = ++generation;
    const isMine = () => mine === generation;
    try {
      const connectionNumber = store.nextConnection();
      const gone = encodeMessage({ epoch: store.epoch(), connection: connectionNumber });
      const connection = await link.connect({
        gone,
        receive: (channel, payload) => {
          if (isMine()) attempt(() => receive(channel, payload));
        },
        lost: (reason) => {
          if (isMine()) retry(reason);
        },
      });
      if (!isMine()) return await connection.close(false);
      current = { connection, outbox: createOutbox(store) };
      sayHello(connectionNumber);
    } catch (error) {
      if (isMine()) retry(messageOf(error));
    }
  }

  /** Runs what came from outside; where the store fails (a full disk), the connection is made anew later. */
  function attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      retry(messageOf(error));
    }
  }

  function sayHello(connectionNumber: number): void {
    const { generation: held, hash } = store.desired() ?? { generation: 0, hash: '' };
    const hello: HelloMessage = {
      protocol: { min: PROTOCOL_VERSION, max: PROTOCOL_VERSION },
      agentVersion,
      epoch: store.epoch(),
      connection: connectionNumber,
      generation: held,
      hash,
      acknowledged: store.acknowledged(),
    };
    expectAnswer();
    publish('hello', encodeMessage(hello));
    cancelCompare();
    cancelCompare = clock.after(COMPARE_EVERY_MS, () => attempt(() => sayHello(connectionNumber)));
  }

  function receive(channel: HubChannel, payload: Uint8Array): void {
    switch (channel) {
      case 'desired':
        inbox.receive(payload);
        return;
      case 'ack': {
        const ack = decodeMessage(ackMessage, payload);
        if (!ack.ok || ack.value.epoch !== store.epoch()) return;
        attempts = 0;
        current?.outbox.acknowledge(ack.value.sequence);
        // An answer to something else leaves the deadline of what is still on its way.
        if (current?.outbox.settled() === true) cancelDeadline();
        noteLink(true);
        send();
        return;
      }
      case 'request':
        log.warn({}, 'a request came in, and this version answers none');
    }
  }

  /** Sends what waits, once the hub has answered hello and everything sent before. */
  function send(): void {
    if (current === undefined || !up.up) return;
    const reports = current.outbox.next();
    if (reports === undefined) return;
    expectAnswer();
    publish('report', encodeMessage(reports));
  }

  function publish(channel: 'hello' | 'report', payload: Uint8Array): void {
    const mine = generation;
    current?.connection.publish(channel, payload).catch((error: unknown) => {
      if (mine === generation) retry(`could not publish: ${messageOf(error)}`);
    });
  }

  function expectAnswer(): void {
    cancelDeadline();
    const seconds = ANSWER_DEADLINE_MS / 1000;
    cancelDeadline = clock.after(ANSWER_DEADLINE_MS, () =>
      retry(`the hub did not answer within ${seconds} s`),
    );
  }

  function retry(reason: string): void {
    const abandoned = current;
    generation += 1;
    current = undefined;
    cancelDeadline();
    cancelCompare();
    cancelRetry();
    noteLink(false);
    if (stopped) return;
    const ceilingMs = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS);
    const delayMs = ceilingMs * (0.5 + random.fraction() / 2);
    attempts = Math.min(attempts + 1, 10);
    log.debug({ reason, delayMs }, 'not connected');
    cancelRetry = clock.after(delayMs, () => void connect());
    abandoned?.connection
      .close(false)
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'closing'));
  }

  return {
    start() {
      // Up when the agent last ran says nothing of now: since this start, it is down.
      if (store.link() === undefined) storeLink();
      noteLink(false);
      void connect();
    },
    wake: () => attempt(send),
    link: () => up,
    async stop() {
      stopped = true;
      generation += 1;
      cancelRetry();
      cancelDeadline();
      cancelCompare();
      noteLink(false);
      try {
        await current?.connection.close(true);
      } catch (error) {
        // A link that is dead takes no goodbye, and the rest of the agent is still to be stopped.
        log.debug({ error: messageOf(error) }, 'closing');
      }
    },
  };
}
