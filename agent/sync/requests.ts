import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { RequestBody, ResponseMessage } from '../../shared/protocol/messages.ts';
import {
  LARGEST_PAYLOAD_BYTES,
  decodeMessage,
  encodeMessage,
  requestBody,
  requestMessage,
} from '../../shared/protocol/messages.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';

export interface Requests {
  /** The hub said what time it has. */
  setHubTime(time: string): void;
  /**
   * Carries a request out, unless that was done before, and gives the answer: at once where that is known, and to
   * `later` where the world has to be asked first. None to what can't be read at all.
   */
  answer(payload: Uint8Array, later: (response: ResponseMessage) => void): ResponseMessage | undefined;
}

interface RequestsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Carries it out as far as the store goes, and says in a sentence what that was; @throws EffectError */
  readonly carryOut: (body: Exclude<RequestBody, Question>) => string;
  /** Finds out what is asked, or does it; @throws EffectError */
  readonly find: (question: Question) => Promise<object>;
}

/** What takes the world's time to answer, and does no more where it is done again. */
const QUESTIONS = ['read-guest', 'open-stream', 'freeze', 'unfreeze'] as const;
export type Question = Extract<RequestBody, { verb: (typeof QUESTIONS)[number] }>;

/** How many questions are looked into at once: each may take a guest's time. */
const MOST_QUESTIONS = 8;

/** What the hub asks for outside of what it desires: each once, and not after its deadline. */
export function createRequests({ store, clock, log, carryOut, find }: RequestsOptions): Requests {
  /** The questions that are being looked into, by the requests' ids. */
  const questions = new Set<string>();
  // A box's own clock may be years off, so deadlines are by the hub's, counted on by the monotonic one.
  let hubTime: { readonly ms: number; readonly atMs: number } | undefined;
  const hubNowMs = () => (hubTime === undefined ? 0 : hubTime.ms + clock.monotonic() - hubTime.atMs);

  /** One that comes again is looked into again, but not at once: its answer may be on its way. */
  function lookInto(id: string, question: Question, later: (response: ResponseMessage) => void): void {
    questions.add(id);
    find(question)
      .then(
        (content) => later(found(id, content)),
        (error: unknown) => later(failed(id, codeOf(error) ?? 'Failed', messageOf(error))),
      )
      .finally(() => {
        questions.delete(id);
      });
  }

  function perform(
    id: string,
    expiresAtMs: number,
    given: unknown,
    later: (response: ResponseMessage) => void,
  ): ResponseMessage | undefined {
    const body = validate(requestBody, given);
    if (!body.ok) return failed(id, 'NotSupported', `this agent can't do that: ${formatCauses(body.causes)}`);
    const asked = body.value;
    if (isQuestion(asked)) {
      if (questions.has(id)) return undefined;
      if (questions.size >= MOST_QUESTIONS) return failed(id, 'TooManyRequests', 'too much is asked at once');
      lookInto(id, asked, later);
      return undefined;
    }
    // What it changes and that it was done are one transaction: cut off in between, it would be done again.
    return store.transaction(() => {
      const response = attempt(id, () => carryOut(asked));
      store.saveResponse(response, expiresAtMs);
      return response;
    });
  }

  return {
    setHubTime(time) {
      hubTime = { ms: Date.parse(time), atMs: clock.monotonic() };
    },
    answer(payload, later) {
      const request = decodeMessage(requestMessage, payload);
      if (!request.ok) {
        log.warn({ problem: formatCauses(request.causes) }, 'a request was refused');
        return undefined;
      }
      const { id, expiresAt, body } = request.value;
      const expiresAtMs = Date.parse(expiresAt);
      store.pruneResponses(hubNowMs());
      const known = store.response(id);
      if (known !== undefined) return known;
      if (hubNowMs() > expiresAtMs) return failed(id, 'DeadlineExceeded', `it came after ${expiresAt}`);
      return perform(id, expiresAtMs, body, later);
    },
  };
}

function isQuestion(body: RequestBody): body is Question {
  return (QUESTIONS as readonly string[]).includes(body.verb);
}

function attempt(id: string, work: () => string): ResponseMessage {
  try {
    return { id, outcome: 'done', reason: 'Done', message: work() };
  } catch (error) {
    const code = codeOf(error);
    // Not an outcome but our own trouble (a full disk): it is not answered, and may be asked again.
    if (code === undefined || code.startsWith('SQLITE')) throw error;
    return failed(id, code, messageOf(error));
  }
}

function found(id: string, content: object): ResponseMessage {
  const response: ResponseMessage = {
    id,
    outcome: 'done',
    reason: 'Done',
    message: 'found',
    content: { ...content },
  };
  const bytes = encodeMessage(response).length;
  if (bytes <= LARGEST_PAYLOAD_BYTES) return response;
  return failed(
    id,
    'TooLarge',
    `the answer takes ${bytes} bytes, and a message holds ${LARGEST_PAYLOAD_BYTES}`,
  );
}

function failed(id: string, reason: string, message: string): ResponseMessage {
  return { id, outcome: 'failed', reason, message };
}
