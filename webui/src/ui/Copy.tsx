import { Check, Copy as CopyIcon } from 'lucide-react';
import { useState } from 'react';
import { IconButton } from './Button';

/** Copies a text and says so. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1600);
    });
  };
  return (
    <IconButton label={done ? 'Copied' : label} onClick={copy}>
      {done ? <Check size={15} className="text-working" /> : <CopyIcon size={15} />}
    </IconButton>
  );
}

/** Browsers break a line after a hyphen; an option must stay whole to be read. */
function unbrokenOptions(text: string) {
  return text.split(/( )/).map((word, i) =>
    word.startsWith('-') ? (
      <span key={i} className="whitespace-nowrap">
        {word}
      </span>
    ) : (
      word
    ),
  );
}

/** A command line to paste. */
export function CommandLine({ text, label = 'Copy command' }: { text: string; label?: string }) {
  return (
    <div className="flex min-w-0 items-start gap-1 rounded-sm border border-line bg-screen pl-3">
      <code className="min-w-0 flex-1 py-1.5 font-mono text-12 leading-5 break-words whitespace-pre-wrap text-screen-text">
        <span aria-hidden="true" className="text-muted select-none">
          ${' '}
        </span>
        {unbrokenOptions(text)}
      </code>
      <Copy text={text} label={label} />
    </div>
  );
}
