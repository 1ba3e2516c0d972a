import { useQuery } from '@tanstack/react-query';
import { Download, X } from 'lucide-react';
import { fileUrl, readStart } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { bytes as size } from '@/lib/format';
import { decodeText } from '@/lib/paths';
import { IconButton } from '@/ui/Button';
import { Copy } from '@/ui/Copy';
import { Empty, ErrorNotice } from '@/ui/Notice';

const LIMIT = 512 * 1024;

/** A file as text, its first half mebibyte; what is not text is offered for download only. */
export function FileText({ agent, path, onClose }: { agent: AgentInfo; path: string; onClose: () => void }) {
  const start = useQuery({
    queryKey: ['file', agent.id, path],
    queryFn: ({ signal }) => readStart(agent.id, path, LIMIT, signal),
    gcTime: 0,
  });
  const text = start.data ? decodeText(start.data.bytes) : null;
  const name = path.split('/').at(-1) ?? path;
  return (
    <section
      aria-label={name}
      className="flex min-h-0 min-w-0 flex-1 flex-col border-t border-line lg:max-w-[60%] lg:border-t-0 lg:border-l"
    >
      <header className="flex h-10 items-center gap-1 border-b border-line px-3">
        <h2 className="min-w-0 flex-1 truncate font-mono text-12" title={path}>
          {name}
        </h2>
        {start.data && <span className="figures mr-1 text-12 text-muted">{size(start.data.total)}</span>}
        {text !== null && <Copy text={text} label="Copy text" />}
        <a
          href={fileUrl(agent.id, path)}
          download={name}
          aria-label={`Download ${name}`}
          title="Download"
          className="inline-flex size-8 items-center justify-center rounded-sm text-muted hover:bg-raised hover:text-text"
        >
          <Download size={15} aria-hidden="true" />
        </a>
        <IconButton label="Close file" onClick={onClose}>
          <X size={15} />
        </IconButton>
      </header>
      {start.isError ? (
        <div className="p-4">
          <ErrorNotice error={refusalOf(start.error)} />
        </div>
      ) : start.isPending ? (
        <div className="flex-1 p-4" aria-busy="true">
          <div className="skeleton h-40" />
        </div>
      ) : text === null ? (
        <Empty title="This is not text">Download it to open it with a program of your own.</Empty>
      ) : text === '' ? (
        <Empty title="This file is empty" />
      ) : (
        <pre
          tabIndex={0}
          aria-label={`Text of ${name}`}
          className="min-h-0 flex-1 overflow-auto bg-screen p-4 font-mono text-12 leading-[18px] break-words whitespace-pre-wrap text-screen-text focus-visible:-outline-offset-2"
        >
          {text}
        </pre>
      )}
      {start.data && start.data.total > start.data.bytes.length && (
        <p className="border-t border-line px-3 py-1.5 text-12 text-muted">
          The first {size(start.data.bytes.length)} of {size(start.data.total)}. Download it to read the rest.
        </p>
      )}
    </section>
  );
}
