declare module 'subset-font' {
  interface Options {
    targetFormat?: 'woff2';
    variationAxes?: Record<string, number | { min?: number; max?: number }>;
    noLayoutClosure?: boolean;
  }
  /** The font with the glyphs of these characters alone. */
  export default function subset(font: Buffer, text: string, options?: Options): Promise<Uint8Array>;
}
