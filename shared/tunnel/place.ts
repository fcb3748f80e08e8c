/** Where streams are brought. */
export interface Place {
  /** An IPv6 address is in brackets. */
  readonly host: string;
  readonly port: number;
  /** Over TLS. */
  readonly secure: boolean;
  /** What comes before `TUNNEL_PATH`, without a slash at its end. */
  readonly prefix: string;
}

/** Of an http or https URL. */
export function readPlace({ protocol, hostname, port, pathname }: URL): Place {
  const secure = protocol === 'https:';
  const usual = secure ? 443 : 80;
  return {
    host: hostname,
    port: port === '' ? usual : Number(port),
    secure,
    prefix: pathname.replace(/\/+$/, ''),
  };
}
