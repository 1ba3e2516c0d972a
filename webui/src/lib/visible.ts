const INVISIBLE = /(?![\n\t])[\p{Cc}\p{Cf}]/gu;

/** A text that hides nothing: characters that nobody sees, or that turn the order of others, are written out. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
