import { messageOf } from '../../shared/base/errors.ts';
import { formatTime } from '../../shared/base/time.ts';
import type {
  AckMessage,
  BoxIdentity,
  HelloMessage,
  ReportMessage,
  Sent,
  Welcome,
} from '../../shared/protocol/messages.ts';
import { ackMessage, decodeMessage, encodeMessage } from '../../shared/protocol/messages.ts';
import type { DeviceChannel, HubChannel } from '../../shared/protocol/topics.ts';
import type { ProtocolRange } from '../../shared/protocol/version.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { Connection, Happening, Link, Store } from '../ports.ts';
import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';
import { createOutbox } from './outbox.ts';
import { reconnectDelayMs } from './pace.ts';
import type { Requests } from './requests.ts';
import type { ResponseMessage } from '../../shared/protocol/messages.ts';

/** How long the hub may be silent after hello or reports before the connection is given up, whatever MQTT says. */
const ANSWER_DEADLINE_MS = 60_000;
/** How often hello is said again on a quiet link, so that hub and device compare what they hold. */
const COMPARE_EVERY_MS = 2 * 60 * 60_000;

/** Whether the hub answers, since when, and where it does not, why. */
export interface LinkState {
  readonly up: boolean;
  readonly sinceMs: number;
  readonly problem?: string;
}

export interface Session {
  start(): void;
  /** There may be something to send. */
  wake(): void;
  readonly link: () => LinkState;
  stop(): Promise<void>;
}

export interface SessionOptions {
  readonly agentVersion: string;
  readonly protocol: ProtocolRange;
  readonly box: BoxIdentity;
  readonly store: Store;
  readonly link: Link;
  readonly inbox: Inbox;
  readonly requests: Requests;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly happening: () => Happening;
  /** Queues all that the device holds and all that is the case. */
  readonly tellAll: () => void;
}

/**
 * Keeps the device connected: connects, says hello, sends reports, and starts over when the link is lost or the
 * hub is silent for too long. The link counts as up once the hub has welcomed the device.
 */
export function createSession({
  agentVersion,
  protocol,
  box,
  store,
  link,
  inbox,
  requests,
  clock,
  random,
  log,
  happening,
  tellAll,
}: SessionOptions): Session {
  let state: LinkState = store.link() ?? { up: false, sinceMs: clock.now() };
  let current: { connection: Connection; number: number; outbox: Outbox } | undefined;
  let failures = 0;
  let spreadMs = 0;
  let stopped = false;
  let cancelRetry = () => {};
  let cancelDeadline = () => {};
  let cancelHello = () => {};
  // Answers to a connection that was given up are not for the next one.
  let attemptNumber = 0;

  function noteLink(up: boolean, problem?: string): void {
    const changed = state.up !== up;
    state = {
      up,
      sinceMs: changed ? clock.now() : state.sinceMs,
      ...(problem !== undefined && { problem }),
    };
    if (!changed) return;
    storeLink();
    log.info({ up, problem }, up ? 'link up' : 'link down');
  }

  function storeLink(): void {
    try {
      store.saveLink(state);
    } catch (error) {
      // Only the time until an agent's next start is lost with it.
      log.warn({ error: messageOf(error) }, 'the state of the link could not be stored');
    }
  }

  async function connect(): Promise<void> {
    const mine = ++attemptNumber;
    const isMine = () => mine === attemptNumber;
    try {
      const number = store.nextConnection();
      const gone = encodeMessage({ epoch: store.epoch(), connection: number });
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
      current = { connection, number, outbox: createOutbox(store, clock) };
      sayHello();
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

  function now(): Sent {
    const { atMs, monotonicMs, bootId } = happening();
    return { time: formatTime(atMs), monotonicMs: Math.round(monotonicMs), bootId };
  }

  function sayHello(): void {
    if (current === undefined) return;
    const { generation, hash } = store.desired() ?? { generation: 0, hash: '' };
    const partial = inbox.partial();
    const hello: HelloMessage = {
      protocol: { min: protocol.min, max: protocol.max },
      agentVersion,
      epoch: store.epoch(),
      connection: current.number,
      generation,
      hash,
      ...(partial !== undefined && { partial }),
      acknowledged: store.acknowledged(),
      next: store.nextSequence(),
      sent: now(),
      box,
    };
    expectAnswer();
    publish('hello', encodeMessage(hello));
    sayHelloIn(COMPARE_EVERY_MS * (0.9 + random.fraction() / 10));
  }

  function sayHelloIn(delayMs: number): void {
    cancelHello();
    cancelHello = clock.after(delayMs, () => attempt(sayHello));
  }

  function receive(channel: HubChannel, payload: Uint8Array): void {
    switch (channel) {
      case 'desired':
        // Long documents come in many parts, and a slow link brings no answer while they do.
        if (!isSettled()) expectAnswer();
        inbox.receive(payload);
        return;
      case 'ack': {
        const ack = decodeMessage(ackMessage, payload);
        if (ack.ok && ack.value.epoch === store.epoch()) takeAnswer(ack.value);
        return;
      }
      case 'request': {
        const respond = (response: ResponseMessage) => publish('response', encodeMessage(response));
        const response = requests.answer(payload, respond);
        if (response !== undefined) respond(response);
      }
    }
  }

  const isSettled = () => state.up && current?.outbox.settled() === true;

  function takeAnswer(answer: AckMessage): void {
    // A hub that is back from an outage asks for hello by the last connection that it knows of.
    const isOfAny = answer.kind === 'ack' || answer.kind === 'later';
    if (!isOfAny && answer.connection !== current?.number) return;
    switch (answer.kind) {
      case 'ack':
        if (!state.up) return;
        current?.outbox.acknowledge(answer.sequence);
        // An answer to something else leaves the deadline of what is still on its way.
        if (isSettled()) cancelDeadline();
        return send();
      case 'welcome':
        return takeWelcome(answer);
      case 'later':
        if (current === undefined) return;
        cancelDeadline();
        current.outbox = createOutbox(store, clock);
        return sayHelloIn(answer.delayMs * (1 + random.fraction() / 4));
      case 'renew':
        // What is committed already must not be numbered, and told, once more.
        store.transaction(() => {
          store.acknowledge(answer.sequence ?? 0);
          store.renewEpoch();
        });
        log.warn({ reason: answer.message }, 'the hub asked for a new epoch');
        return retry(answer.message);
      case 'refused':
        log.error({ reason: answer.reason }, answer.message);
        return retry(answer.message, answer.delayMs * (1 + random.fraction() / 4));
    }
  }

  function takeWelcome(welcome: Welcome): void {
    if (welcome.protocol < protocol.min || welcome.protocol > protocol.max) {
      const own = `${protocol.min} to ${protocol.max}`;
      return retry(`the hub chose protocol ${welcome.protocol}, and this agent speaks ${own}`);
    }
    failures = 0;
    spreadMs = welcome.spreadMs;
    requests.setHubTime(welcome.time);
    current?.outbox.acknowledge(welcome.sequence);
    if (welcome.tellAll) tellAll();
    noteLink(true);
    if (isSettled()) cancelDeadline();
    send();
  }

  /** Sends what waits, once the hub has welcomed the device and committed everything sent before. */
  function send(): void {
    if (current === undefined || !state.up) return;
    const reports = current.outbox.next();
    if (reports.length === 0) return;
    expectAnswer();
    const { number: connection } = current;
    const message: ReportMessage = { epoch: store.epoch(), connection, sent: now(), reports };
    publish('report', encodeMessage(message));
  }

  function publish(channel: DeviceChannel, payload: Uint8Array): void {
    const mine = attemptNumber;
    current?.connection.publish(channel, payload).catch((error: unknown) => {
      if (mine === attemptNumber) retry(`could not publish: ${messageOf(error)}`);
    });
  }

  function expectAnswer(): void {
    cancelDeadline();
    const seconds = ANSWER_DEADLINE_MS / 1000;
    cancelDeadline = clock.after(ANSWER_DEADLINE_MS, () =>
      retry(`the hub did not answer within ${seconds} s`),
    );
  }

  function retry(problem: string, askedDelayMs?: number): void {
    const abandoned = current;
    attemptNumber += 1;
    current = undefined;
    cancelDeadline();
    cancelHello();
    cancelRetry();
    noteLink(false, problem);
    if (stopped) return;
    const delayMs = askedDelayMs ?? reconnectDelayMs(failures, spreadMs, random.fraction());
    failures += 1;
    log.debug({ problem, delayMs }, 'not connected');
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
    link: () => state,
    async stop() {
      stopped = true;
      attemptNumber += 1;
      cancelRetry();
      cancelDeadline();
      cancelHello();
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
