import { EffectError, messageOf } from '../../shared/base/errors.ts';

const OTHERWISE = 'or give the interface masquerade in place of bridge';

/** What a card can't be connected for, with the way out; retried, for the box may be set right meanwhile. */
export function refuse(subject: string, why: string, cause?: unknown): EffectError {
  return new EffectError('NetworkRefused', subject, why, cause);
}

/** Why the kernel did not make or change a network device, in words that help. */
export function explainFailure(error: unknown, subject: string, what: string): EffectError {
  const said = messageOf(error);
  if (/not permitted|permission denied|EPERM/i.test(said))
    return refuse(
      subject,
      `${what}: the agent may not: run it as root (or with CAP_NET_ADMIN), ${OTHERWISE}`,
      error,
    );
  if (/unknown device type|not supported/i.test(said))
    return refuse(
      subject,
      `${what}: the kernel of the box can't (${said}): install one that can, ${OTHERWISE}`,
      error,
    );
  if (/is not installed/.test(said))
    return refuse(subject, `${what}: ${said}: install it, ${OTHERWISE}`, error);
  return refuse(subject, `${what}: ${said}`, error);
}
