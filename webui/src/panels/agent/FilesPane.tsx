import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { CornerLeftUp, Download, FolderPlus, MoreHorizontal, Pencil, Trash2, Upload } from 'lucide-react';
import { useEffect, useRef, useState, type DragEvent } from 'react';
import { entries, fileUrl, upload } from '@/api/agents';
import type { AgentInfo, FileEntry } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useChanges } from '@/api/live';
import { bytes as size, count, mode } from '@/lib/format';
import { childOf, crumbs, parentOf } from '@/lib/paths';
import { Button, IconButton } from '@/ui/Button';
import { Menu } from '@/ui/Menu';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { toast } from '@/ui/toast';
import { Ago } from '@/ui/When';
import { FileDialog, type FileQuestion } from './FileDialog';
import { FileIcon } from './FileIcon';
import { FileText } from './FileText';

/** The agent's files, seen from inside. Path and open file are in the URL. */
export function FilesPane({ agent }: { agent: AgentInfo }) {
  const search = useSearch({ from: '/agents/$ref' });
  const navigate = useNavigate({ from: '/agents/$ref' });
  const queries = useQueryClient();
  const path = search.path ?? agent.home;
  const [question, setQuestion] = useState<FileQuestion | null>(null);
  const [dropping, setDropping] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const queued = agent.state === 'queued' || agent.state === 'created';
  const list = useQuery({
    queryKey: ['entries', agent.id, path],
    queryFn: ({ signal }) => entries(agent.id, path, signal),
    enabled: !queued,
  });
  const changes = useChanges('files', agent.id);
  const refresh = () => void queries.invalidateQueries({ queryKey: ['entries', agent.id] });
  useEffect(() => {
    if (changes > 0) void queries.invalidateQueries({ queryKey: ['entries', agent.id] });
  }, [changes, queries, agent.id]);

  const go = (next: string) =>
    void navigate({
      search: (old) => ({
        ...old,
        pane: 'files' as const,
        path: next === agent.home ? undefined : next,
        file: undefined,
      }),
    });
  const open = (entry: FileEntry) => {
    if (entry.kind === 'directory') go(entry.path);
    else void navigate({ search: (old) => ({ ...old, file: entry.path }), replace: true });
  };
  const send = async (files: readonly File[]) => {
    for (const file of files) {
      try {
        await upload(agent.id, childOf(path, file.name), file);
        toast('done', `Uploaded ${file.name}`);
      } catch (cause) {
        const { message, hint } = refusalOf(cause);
        toast('failed', `${file.name}: ${message}`, hint);
      }
    }
    refresh();
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    void send([...event.dataTransfer.files]);
  };

  if (queued) return <Empty title="It has no home yet">Its files are here once it has started.</Empty>;
  return (
    <>
      <div className="flex flex-wrap items-center gap-1 border-b border-line px-3 py-1">
        <IconButton
          label="Parent directory"
          refused={path === '/' ? 'This is the top.' : null}
          onClick={() => go(parentOf(path))}
        >
          <CornerLeftUp size={15} />
        </IconButton>
        <nav
          aria-label="Path"
          className="order-last flex min-w-0 flex-1 basis-full flex-wrap items-center font-mono text-12 sm:order-none sm:basis-0"
        >
          {crumbs(path).map((crumb, i, all) => (
            <span key={crumb.path} className="flex items-center">
              <button
                type="button"
                aria-current={i === all.length - 1 ? 'location' : undefined}
                onClick={() => go(crumb.path)}
                className="h-6 min-w-6 rounded-sm px-1 text-muted hover:bg-raised hover:text-text aria-[current=location]:text-text"
              >
                {crumb.name}
              </button>
              {i < all.length - 1 && i > 0 && (
                <span aria-hidden="true" className="text-muted">
                  /
                </span>
              )}
            </span>
          ))}
        </nav>
        <Button
          kind="quiet"
          icon={<FolderPlus size={14} />}
          onClick={() => setQuestion({ kind: 'mkdir', in: path })}
        >
          New directory
        </Button>
        <Button kind="quiet" icon={<Upload size={14} />} onClick={() => picker.current?.click()}>
          Upload
        </Button>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Files to upload"
          onChange={(event) => {
            void send([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
      </div>
      <div className="flex min-h-0 flex-1 flex-col lg:flex-row">
        <div
          role="region"
          aria-label="Directory"
          tabIndex={0}
          onDragOver={(event) => {
            event.preventDefault();
            setDropping(true);
          }}
          onDragLeave={() => setDropping(false)}
          onDrop={onDrop}
          className={`min-h-40 min-w-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2 ${dropping ? 'bg-accent-soft' : ''}`}
        >
          {list.isError ? (
            <div className="p-4">
              <ErrorNotice
                error={refusalOf(list.error)}
                action={<Button onClick={() => void list.refetch()}>Try again</Button>}
              />
            </div>
          ) : list.isPending ? (
            <div className="flex flex-col gap-2 p-4" aria-busy="true">
              {Array.from({ length: 6 }, (_, i) => (
                <div key={i} className="skeleton h-7" />
              ))}
            </div>
          ) : list.data.list.length === 0 ? (
            <Empty title="This directory is empty">Drop files here to upload them.</Empty>
          ) : (
            <>
              {list.data.total > list.data.list.length && (
                <p role="status" className="border-b border-line px-4 py-2 text-13 text-muted">
                  The first {list.data.list.length.toLocaleString()} by name of{' '}
                  {count(list.data.total, 'entry', 'entries')}. The whole list:{' '}
                  <code>
                    aether ls {agent.name}:{path}
                  </code>
                </p>
              )}
              <Entries
                agent={agent}
                list={list.data.list}
                chosen={search.file}
                onOpen={open}
                onAsk={setQuestion}
              />
            </>
          )}
        </div>
        {search.file && (
          <FileText
            key={search.file}
            agent={agent}
            path={search.file}
            onClose={() => void navigate({ search: (old) => ({ ...old, file: undefined }), replace: true })}
          />
        )}
      </div>
      {question && (
        <FileDialog
          agent={agent}
          question={question}
          onClose={(done) => {
            setQuestion(null);
            if (done) refresh();
          }}
        />
      )}
    </>
  );
}

interface EntriesProps {
  agent: AgentInfo;
  list: readonly FileEntry[];
  chosen: string | undefined;
  onOpen: (entry: FileEntry) => void;
  onAsk: (question: FileQuestion) => void;
}

const collator = new Intl.Collator(undefined, { numeric: true });

function Entries({ agent, list, chosen, onOpen, onAsk }: EntriesProps) {
  const sorted = [...list].toSorted(
    (a, b) =>
      Number(b.kind === 'directory') - Number(a.kind === 'directory') || collator.compare(a.name, b.name),
  );
  return (
    <table className="w-full table-fixed text-13">
      <caption className="sr-only">{count(list.length, 'entry', 'entries')}</caption>
      <thead>
        <tr className="border-b border-line text-left text-12 text-muted">
          <th scope="col" className="h-8 px-4 font-normal">
            Name
          </th>
          <th scope="col" className="w-24 px-2 text-right font-normal">
            Size
          </th>
          <th scope="col" className="hidden w-28 px-2 font-normal md:table-cell">
            Mode
          </th>
          <th scope="col" className="hidden w-28 px-2 font-normal sm:table-cell">
            Changed
          </th>
          <th scope="col" className="w-12">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map((entry) => (
          <tr
            key={entry.path}
            className={`border-b border-line/60 ${entry.path === chosen ? 'bg-accent-soft' : 'hover:bg-raised'}`}
          >
            <td className="px-4">
              <button
                type="button"
                onClick={() => onOpen(entry)}
                className="flex h-9 w-full min-w-0 items-center gap-2.5 text-left"
              >
                <FileIcon kind={entry.kind} />
                <span className="truncate">
                  {entry.name}
                  {entry.linkTarget && <span className="text-muted"> → {entry.linkTarget}</span>}
                </span>
              </button>
            </td>
            <td className="figures px-2 text-right text-12 text-muted">
              {entry.kind === 'file' ? size(entry.size) : ''}
            </td>
            <td className="hidden px-2 font-mono text-12 text-muted md:table-cell">{mode(entry.mode)}</td>
            <td className="hidden px-2 text-12 text-muted sm:table-cell">
              <Ago at={entry.modifiedAt} />
            </td>
            <td className="px-2">
              <Menu
                trigger={
                  <button
                    type="button"
                    aria-label={`Actions on ${entry.name}`}
                    className="inline-flex size-8 items-center justify-center rounded-sm text-muted hover:text-text"
                  >
                    <MoreHorizontal size={15} />
                  </button>
                }
                items={[
                  ...(entry.kind === 'file'
                    ? [
                        {
                          label: 'Download',
                          icon: <Download size={15} />,
                          onSelect: () => download(agent.id, entry),
                        },
                      ]
                    : []),
                  {
                    label: 'Rename or move',
                    icon: <Pencil size={15} />,
                    onSelect: () => onAsk({ kind: 'move', entry }),
                  },
                  {
                    label: 'Delete',
                    icon: <Trash2 size={15} />,
                    danger: true,
                    onSelect: () => onAsk({ kind: 'delete', entry }),
                  },
                ]}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function download(id: string, entry: FileEntry) {
  const link = document.createElement('a');
  link.href = fileUrl(id, entry.path);
  link.download = entry.name;
  link.click();
}
