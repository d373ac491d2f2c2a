/** HTTP statuses of what refuses a stream; anything else is a refusal of the device's own (409). */
const statuses: Record<string, number> = {
  name_not_found: 502,
  connection_refused: 502,
  target_unreachable: 502,
  connect_timeout: 504,
  too_many_streams: 429,
  terminal_gone: 410,
};

export const streamStatus = (code: string): number => statuses[code] ?? 409;
