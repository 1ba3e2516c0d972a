import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { KeyRound, Plus, ShieldAlert, X } from 'lucide-react';
import { useState } from 'react';
import type { AuditRecord, Grant, SecretInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useAgent } from '@/api/live';
import * as api from '@/api/network';
import { GrantDialog } from '@/forms/GrantDialog';
import { SecretDialog } from '@/forms/SecretDialog';
import { count } from '@/lib/format';
import { placeText, targetText } from '@/lib/secrets';
import { Button, IconButton } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';
import { toast } from '@/ui/toast';
import { Ago } from '@/ui/When';

type Asked = { kind: 'set' } | { kind: 'replace' | 'grant' | 'remove'; name: string };

/** Secrets by name with what they are lent for. A value goes in here and never comes back. */
export function SecretsPage() {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const secrets = useQuery({
    queryKey: ['secrets'],
    queryFn: ({ signal }) => api.listSecrets(signal),
    refetchInterval: 10_000,
  });
  const close = (said: string | null) => {
    setAsked(null);
    if (said === null) return;
    toast('done', said);
    void queries.invalidateQueries({ queryKey: ['secrets'] });
  };
  const list = secrets.data ?? [];
  return (
    <>
      <PageHead
        title="Secrets"
        actions={
          <Button
            kind="primary"
            icon={<Plus size={14} aria-hidden="true" />}
            onClick={() => setAsked({ kind: 'set' })}
          >
            Set a secret
          </Button>
        }
      >
        <p className="text-13 text-muted">
          Kept sealed outside of every sandbox, and added to requests on their way out where a grant says so.
        </p>
      </PageHead>
      <div
        role="region"
        aria-label="Secrets"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 focus-visible:-outline-offset-2"
      >
        {secrets.error !== null ? (
          <ErrorNotice error={refusalOf(secrets.error)} />
        ) : !secrets.data ? (
          <div className="skeleton h-24" aria-busy="true" />
        ) : list.length === 0 ? (
          <Empty title="No secret is kept">
            Set one here, or from a terminal:{' '}
            <code className="font-mono text-12">aether secret set NAME</code>
          </Empty>
        ) : (
          <ul aria-label="Secrets" className="flex flex-col gap-3">
            {list.map((secret) => (
              <Secret key={secret.name} secret={secret} onAsk={setAsked} onDone={close} />
            ))}
          </ul>
        )}
        <Alarms />
      </div>
      {asked?.kind === 'set' && <SecretDialog onClose={(set) => close(set && `Set: ${set.name}`)} />}
      {asked?.kind === 'replace' && (
        <SecretDialog name={asked.name} onClose={(set) => close(set && `Replaced: ${set.name}`)} />
      )}
      {asked?.kind === 'grant' && (
        <GrantDialog secret={asked.name} onClose={(done) => close(done ? `Granted: ${asked.name}` : null)} />
      )}
      {asked?.kind === 'remove' && (
        <Removal secret={list.find((each) => each.name === asked.name)} onClose={close} />
      )}
    </>
  );
}

interface SecretProps {
  secret: SecretInfo;
  onAsk: (asked: Asked) => void;
  onDone: (said: string) => void;
}

function Secret({ secret, onAsk, onDone }: SecretProps) {
  const { name, version, updatedAt, grants, timesUsed, usedBy } = secret;
  return (
    <li className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
        <KeyRound size={16} aria-hidden="true" className="shrink-0 text-muted" />
        <div className="min-w-0 flex-1 basis-48">
          <h2 className="font-mono text-13 font-semibold break-all">{name}</h2>
          <p className="text-12 text-muted">
            Set <Ago at={updatedAt} />
            {version > 1 && `, version ${version}`}
            {grants.length === 0 && ', granted to nobody'}
            {timesUsed > 0 ? `, put into ${count(timesUsed, 'request')}` : ', never used'}
          </p>
        </div>
        <div className="flex flex-wrap gap-1.5">
          <Button aria-label={`Grant ${name}`} onClick={() => onAsk({ kind: 'grant', name })}>
            Grant
          </Button>
          <Button
            aria-label={`Replace the value of ${name}`}
            onClick={() => onAsk({ kind: 'replace', name })}
          >
            Replace
          </Button>
          <Button kind="quiet" aria-label={`Remove ${name}`} onClick={() => onAsk({ kind: 'remove', name })}>
            Remove
          </Button>
        </div>
      </div>
      {grants.length > 0 && (
        <ul aria-label={`Grants of ${name}`} className="divide-y divide-line border-t border-line">
          {grants.map((grant) => (
            <GrantRow key={grant.id} grant={grant} onDone={onDone} />
          ))}
        </ul>
      )}
      {usedBy.length > 0 && (
        <p
          aria-label={`Used by, of ${name}`}
          role="note"
          className="border-t border-line px-4 py-2 text-12 text-muted sm:pl-12"
        >
          Used by{' '}
          {usedBy.slice(0, USERS).map((each, i) => (
            <span key={each.agent}>
              {i > 0 && ', '}
              <span className="text-text">{each.name}</span> ({count(each.times, 'time')},{' '}
              <Ago at={each.lastAt} />)
            </span>
          ))}
          {usedBy.length > USERS && `, and ${usedBy.length - USERS} more`}
        </p>
      )}
    </li>
  );
}

/** Agents named under a secret. */
const USERS = 5;

function GrantRow({ grant, onDone }: { grant: Grant; onDone: (said: string) => void }) {
  const name = useAgentName(grant.agent);
  const [busy, setBusy] = useState(false);
  const revoke = async () => {
    setBusy(true);
    try {
      await api.revoke(grant.secret, grant.id);
      onDone(`Taken back from ${name}`);
    } catch (cause) {
      const { message, hint } = refusalOf(cause);
      toast('failed', message, hint);
      setBusy(false);
    }
  };
  return (
    <li className="flex items-center gap-3 py-1 pr-2 pl-4 text-13 sm:pl-12">
      <p className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-3 gap-y-0.5 py-1">
        <Link
          to="/agents/$ref"
          params={{ ref: grant.agent }}
          className="font-medium underline-offset-2 hover:underline"
        >
          {name}
        </Link>
        <span className="font-mono text-12 break-all">{targetText(grant)}</span>
        <span className="text-muted">{placeText(grant.place)}</span>
      </p>
      <IconButton
        label={`Take back from ${name}: ${targetText(grant)}`}
        busy={busy}
        onClick={() => void revoke()}
      >
        <X size={15} />
      </IconButton>
    </li>
  );
}

const useAgentName = (id: string) => useAgent(id)?.name ?? id;

function Removal({
  secret,
  onClose,
}: {
  secret: SecretInfo | undefined;
  onClose: (said: string | null) => void;
}) {
  const [busy, setBusy] = useState(false);
  if (!secret) return null;
  const remove = async () => {
    setBusy(true);
    try {
      await api.removeSecret(secret.name);
      onClose(`Removed: ${secret.name}`);
    } catch (cause) {
      const { message, hint } = refusalOf(cause);
      toast('failed', message, hint);
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={() => onClose(null)}
      title={`Remove ${secret.name}?`}
      about="This cannot be undone: the value is kept nowhere else."
      footer={
        <>
          <Button onClick={() => onClose(null)}>Cancel</Button>
          <Button kind="danger" busy={busy} onClick={() => void remove()}>
            Remove
          </Button>
        </>
      }
    >
      <p className="text-13">
        {secret.grants.length === 0
          ? 'It is granted to nobody.'
          : `${count(secret.grants.length, 'grant')} end with it; requests then go without.`}
      </p>
    </Dialog>
  );
}

/** Attempts to use a secret where it was not granted. */
function Alarms() {
  const alarms = useQuery({
    queryKey: ['alarms'],
    queryFn: ({ signal }) => api.alarms(signal),
    refetchInterval: 10_000,
  });
  return (
    <section className="mt-6">
      <h2 className="text-16 font-semibold">Alarms</h2>
      <p className="mb-3 text-13 text-muted">
        Attempts to use a secret elsewhere, among the newest {api.RECORDS.toLocaleString()} audit records.
      </p>
      {alarms.error !== null ? (
        <ErrorNotice error={refusalOf(alarms.error)} />
      ) : !alarms.data ? (
        <div className="skeleton h-12" aria-busy="true" />
      ) : alarms.data.length === 0 ? (
        <p className="rounded-lg border border-line bg-surface px-4 py-3 text-13 text-muted">None.</p>
      ) : (
        <ul
          aria-label="Alarms"
          className="divide-y divide-line rounded-lg border border-failed/50 bg-surface"
        >
          {alarms.data.map((record) => (
            <Alarm key={record.number} record={record} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Alarm({ record }: { record: AuditRecord }) {
  const name = useAgentName(record.subject);
  const { what, about } = record.outcome as { what?: string; about?: string };
  return (
    <li className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 px-4 py-2.5 text-13">
      <ShieldAlert size={15} aria-hidden="true" className="shrink-0 self-center text-failed" />
      <Link
        to="/agents/$ref"
        params={{ ref: record.subject }}
        search={{ pane: 'timeline' }}
        className="font-medium underline-offset-2 hover:underline"
      >
        {name}
      </Link>
      <span className="min-w-0 break-words text-failed">{what ?? record.action}</span>
      {about && <span className="font-mono text-12 break-all">{about}</span>}
      <span className="flex-1" />
      <span className="text-12 text-muted">
        <Ago at={record.at} />
      </span>
    </li>
  );
}
