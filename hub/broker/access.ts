import { TLSSocket } from 'node:tls';
import type { AedesOptions, AuthenticateError, Client, Connection } from 'aedes';
import { dnsLabel } from '../../shared/model/schema.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS, parseTopic } from '../../shared/protocol/topics.ts';

type Access = Pick<AedesOptions, 'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe'>;

const IDENTIFIER_REJECTED = 2;
const NOT_AUTHORIZED = 5;
const EXACTLY = { wildcards: false };

/**
 * What the embedded broker lets a client do. It is a device by its client id, and over TLS by its certificate too; it
 * publishes on its own device channels and subscribes to its own hub channels, nothing else. Nothing is retained, and
 * nothing is kept for a client that is away: what the broker would keep has no bound (aedes#1087).
 * @param admit called with the connection of a client that is let in, before the client is told
 */
export function createAccess(admit: (connection: Connection) => void): Access {
  return {
    preConnect: (_client, { will, username, password }, done) => {
      // Both let pass by aedes, against MQTT-3.1.2-14 and MQTT-3.1.2-22.
      const malformed = (will?.qos ?? 0) > 2 || (password !== undefined && username === undefined);
      done(malformed ? new Error('a malformed CONNECT') : null, !malformed);
    },
    authenticate: (client, _user, _password, done) => {
      const problem = judgeClient(client);
      if (problem === undefined) admit(client.conn);
      done(problem ?? null, problem === undefined);
    },
    authorizePublish: (client, packet, done) => {
      const allowed =
        client === null || (!packet.retain && packet.qos < 2 && isOwn(packet.topic, client, DEVICE_CHANNELS));
      done(allowed ? null : new Error(`${client.id} may not publish on ${packet.topic}`));
    },
    authorizeSubscribe: (client, subscription, done) => {
      done(null, isOwn(subscription.topic, client, HUB_CHANNELS) ? subscription : null);
    },
  };
}

function judgeClient(client: Client): AuthenticateError | undefined {
  const { id, clean, conn } = client;
  if (!dnsLabel.safeParse(id).success) return refusal(IDENTIFIER_REJECTED, `${id} is no name of a device`);
  if (!clean) return refusal(NOT_AUTHORIZED, `${id} wants a session that is kept`);
  // Its common name counts where it has no DNS names (RFC 6125, section 6.4.4).
  if (conn instanceof TLSSocket && conn.getPeerX509Certificate()?.checkHost(id, EXACTLY) === undefined) {
    return refusal(NOT_AUTHORIZED, `${id} is not whom its certificate names`);
  }
  return undefined;
}

function refusal(returnCode: number, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode });
}

function isOwn(topic: string, client: Client, channels: readonly string[]): boolean {
  const parsed = parseTopic(topic);
  return parsed?.device === client.id && channels.includes(parsed.channel);
}
