import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal, type ITheme } from '@xterm/xterm';

const DARK_ANSI: ITheme = {
  black: '#20252a',
  red: '#f4808a',
  green: '#6fcf97',
  yellow: '#e2b04c',
  blue: '#86b4e8',
  magenta: '#c3a6f0',
  cyan: '#74c7c0',
  white: '#c9d0d6',
  brightBlack: '#76808a',
  brightRed: '#ff9ca4',
  brightGreen: '#8fe3b0',
  brightYellow: '#f2cb7d',
  brightBlue: '#a9cbf5',
  brightMagenta: '#d8c3fa',
  brightCyan: '#9be0da',
  brightWhite: '#f2f5f7',
};
const LIGHT_ANSI: ITheme = {
  black: '#1a1e22',
  red: '#b32430',
  green: '#126b41',
  yellow: '#805300',
  blue: '#1d5b99',
  magenta: '#6b45ab',
  cyan: '#17675b',
  white: '#5b646c',
  brightBlack: '#69737c',
  brightRed: '#c93a46',
  brightGreen: '#1b7f4f',
  brightYellow: '#946300',
  brightBlue: '#2b6fb3',
  brightMagenta: '#7d57bd',
  brightCyan: '#22786b',
  brightWhite: '#3c444b',
};

/** The terminal's colours from the page's tokens, so that both themes are one design. */
export function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const dark = document.documentElement.dataset.theme !== 'light';
  return {
    ...(dark ? DARK_ANSI : LIGHT_ANSI),
    background: token('--screen'),
    foreground: token('--screen-text'),
    cursor: token('--accent'),
    cursorAccent: token('--screen'),
    selectionBackground: dark ? '#3a4580' : '#c9d0f5',
  };
}

/** A terminal on an element that fits itself to it. */
export function openTerminal(element: HTMLElement, readOnly: boolean) {
  const terminal = new Terminal({
    theme: terminalTheme(),
    fontFamily: "'JetBrains Mono Variable', ui-monospace, monospace",
    fontSize: 13,
    lineHeight: 1.2,
    scrollback: 20_000,
    cursorBlink: false,
    disableStdin: readOnly,
    convertEol: false,
    minimumContrastRatio: 4.5,
    allowProposedApi: false,
    linkHandler: { activate: (_event, address) => follow(address), allowNonHttpProtocols: false },
    // No reports and no changes of the window, whatever the library's default becomes.
    windowOptions: {},
  });
  // The clipboard (OSC 52) is the person's; nothing handles it, and nothing is to begin to.
  terminal.parser.registerOscHandler(52, () => true);
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(element);
  const refit = () => {
    if (element.clientWidth > 0 && element.clientHeight > 0) fit.fit();
  };
  const observer = new ResizeObserver(refit);
  observer.observe(element);
  refit();
  return {
    terminal,
    refit,
    dispose: () => {
      observer.disconnect();
      terminal.dispose();
    },
  };
}

/** The address of a link that an agent printed, or null for what is not of the web: those act on the person's computer. */
export function webAddress(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && ['http:', 'https:'].includes(url.protocol) ? url.href : null;
}

/** Opens a link once the person has seen where it leads: the text above it may say something else. */
function follow(text: string) {
  const address = webAddress(text);
  if (address !== null && window.confirm(`An agent printed this link. Open it?\n\n${address}`))
    window.open(address, '_blank', 'noopener,noreferrer');
}

/** Draws with the graphics card while focused; a browser keeps only a few such contexts, so they are given back. */
export async function drawFast(terminal: Terminal): Promise<() => void> {
  try {
    const { WebglAddon } = await import('@xterm/addon-webgl');
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
    return () => webgl.dispose();
  } catch {
    return () => undefined;
  }
}

/** A line of our own between the program's, told apart by its look. */
export function note(text: string): string {
  return `\r\n\x1b[0m\x1b[2m── ${text} ──\x1b[0m\r\n`;
}

/** What is written where kept output has been overtaken. */
export function gapMarker(bytes: number): string {
  return note(`${bytes.toLocaleString('en')} bytes are gone: printed before this page could read them`);
}
