/** Between the API's milliseconds and the value of a date and time box, which is in the reader's zone. */

const MINUTE_MS = 60_000;

export function toLocal(milliseconds: string | undefined): string {
  const at = Number(milliseconds);
  if (!milliseconds || !Number.isFinite(at)) return "";
  const offset = new Date(at).getTimezoneOffset() * MINUTE_MS;
  return new Date(at - offset).toISOString().slice(0, 16);
}

export function fromLocal(value: string): string | undefined {
  const at = new Date(value).getTime();
  return value && Number.isFinite(at) ? String(at) : undefined;
}
