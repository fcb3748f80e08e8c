import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { RequestBody, ResponseMessage } from '../../shared/protocol/messages.ts';
import { decodeMessage, requestBody, requestMessage } from '../../shared/protocol/messages.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';

export interface Requests {
  /** The hub said what time it has. */
  setHubTime(time: string): void;
  /** Carries a request out, unless that was done before, and gives the answer; none to what can't be read at all. */
  answer(payload: Uint8Array): ResponseMessage | undefined;
}

interface RequestsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Carries it out as far as the store goes, and says in a sentence what that was; @throws EffectError */
  readonly carryOut: (body: RequestBody) => string;
}

/** What the hub asks for outside of what it desires: each once, and not after its deadline. */
export function createRequests({ store, clock, log, carryOut }: RequestsOptions): Requests {
  // A box's own clock may be years off, so deadlines are by the hub's, counted on by the monotonic one.
  let hubTime: { readonly ms: number; readonly atMs: number } | undefined;
  const hubNowMs = () => (hubTime === undefined ? 0 : hubTime.ms + clock.monotonic() - hubTime.atMs);

  function perform(id: string, expiresAtMs: number, given: unknown): ResponseMessage {
    const body = validate(requestBody, given);
    if (!body.ok) return failed(id, 'NotSupported', `this agent can't do that: ${formatCauses(body.causes)}`);
    // What it changes and that it was done are one transaction: cut off in between, it would be done again.
    return store.transaction(() => {
      const response = attempt(id, () => carryOut(body.value));
      store.saveResponse(response, expiresAtMs);
      return response;
    });
  }

  return {
    setHubTime(time) {
      hubTime = { ms: Date.parse(time), atMs: clock.monotonic() };
    },
    answer(payload) {
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
      return perform(id, expiresAtMs, body);
    },
  };
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

function failed(id: string, reason: string, message: string): ResponseMessage {
  return { id, outcome: 'failed', reason, message };
}
