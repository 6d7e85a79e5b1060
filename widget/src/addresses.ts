/** Which addresses from outside may become links, and which may be loaded as pictures. */

const LINKED = new Set(["http:", "https:", "mailto:", "tel:"]);

/**
 * An address that a link may lead to, or null. A name before the host ("https://shop.example@elsewhere.example") shows
 * one host and leads to another; a tab or a line break hides a scheme.
 */
export function linkAddress(value: string, base: string): string | null {
  if (value === "" || /[\u0000-\u0020\u007f]/.test(value)) return null;
  // Only from the server's root, not from whatever page the widget stands in.
  if (!/^[a-z][a-z0-9+.-]*:/i.test(value) && !/^\/(?![/\\])/.test(value)) return null;
  const address = parsed(value, base);
  return address && LINKED.has(address.protocol) && !address.username && !address.password ? address.href : null;
}

/**
 * An address that may be loaded as a picture, or null: the server's own, an embedded one, or one of the hosts that the
 * site allows. Any other host would learn who chats here.
 */
export function pictureAddress(value: string, base: string, hosts: ReadonlySet<string>): string | null {
  if (value === "") return null;
  const address = parsed(value, base);
  if (address === null) return null;
  if (/^data:image\/(png|jpeg|gif|webp|avif);base64,/i.test(address.href)) return address.href;
  const allowed = address.origin === new URL(base).origin || (address.protocol === "https:" && hosts.has(address.host));
  return allowed && /^https?:$/.test(address.protocol) && !address.username ? address.href : null;
}

function parsed(value: string, base: string): URL | null {
  try {
    return new URL(value, base);
  } catch {
    return null;
  }
}
