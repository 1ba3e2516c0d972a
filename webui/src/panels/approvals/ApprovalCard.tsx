import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Approval, CallWish, Decision } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { approvals } from '@/api/live';
import { decide } from '@/api/network';
import { duration, exactTime } from '@/lib/format';
import { useNowAs } from '@/lib/now';
import { readDiff } from '@/lib/diff';
import { visible } from '@/lib/visible';
import { effectText, wishText } from '@/lib/wish';
import { Button } from '@/ui/Button';
import { Diff } from '@/ui/Diff';
import { Mark } from '@/ui/Mark';
import { sentence } from '@/ui/Notice';
import { toast } from '@/ui/toast';

const ANSWERS: { decision: Decision; label: string; about: string }[] = [
  { decision: 'once', label: 'Allow once', about: 'This call, or connections there for one minute.' },
  { decision: 'always', label: 'Always', about: 'This and everything like it, as long as it lives.' },
  { decision: 'deny', label: 'Deny', about: 'This call, or connections there for one minute.' },
];

/** Says the word; what is shown goes at once, and whoever waits goes on. */
export async function answer(approval: Approval, decision: Decision, reason?: string): Promise<void> {
  try {
    await decide(approval.id, decision, reason);
    approvals.answered(approval.id);
  } catch (cause) {
    const { code, message, hint } = refusalOf(cause);
    if (code === 'NOT_FOUND') {
      approvals.answered(approval.id);
      toast('failed', 'somebody else answered first, or its time ran out');
    } else toast('failed', message, hint);
  }
}

interface Props {
  approval: Approval;
  /** Its agent is told by what is around it. */
  nameless?: boolean;
  /** One of a list that the keyboard walks. */
  row?: boolean;
}

/** What an agent wants, how long one has, and the three words. */
export function ApprovalCard({ approval, nameless, row }: Props) {
  const [busy, setBusy] = useState<Decision | null>(null);
  const [reason, setReason] = useState('');
  // Who asks by a call reads why it was refused; a connection is only cut.
  const reads = approval.wish.type === 'call' && row === true;
  const { verb, what: to } = wishText(approval.wish);
  const { wish } = approval;
  // The command stands below, whole or its beginning: saying it twice would push the answers out of sight.
  const head = wish.type === 'call' && wish.command !== null ? wish.tool : to;
  const say = async (decision: Decision, from: HTMLElement) => {
    if (busy) return;
    setBusy(decision);
    const next = neighbour(from);
    const held = from.contains(document.activeElement) || document.activeElement === from;
    await answer(approval, decision, (decision === 'deny' && reason.trim()) || undefined);
    setBusy(null);
    // Whoever answers by keyboard goes on with the next one instead of from the top of the page.
    if (held) next?.focus();
  };
  return (
    <article
      aria-label={`${approval.agent} asks for ${to}`}
      {...(row ? { 'data-row': String(approval.id), tabIndex: 0 } : {})}
      className={`flex flex-col gap-2.5 ${approval.wish.type === 'call' ? '' : '@2xl:flex-row @2xl:items-center @2xl:gap-4'}`}
    >
      <div className="min-w-0 flex-1">
        <p className="flex items-baseline gap-2 text-14">
          <Mark mood="waiting" />
          <span className="min-w-0 break-words">
            {nameless ? (
              'It'
            ) : (
              <Link
                to="/agents/$ref"
                params={{ ref: approval.agentId }}
                search={approval.wish.type === 'connect' ? { pane: 'network' } : {}}
                className="font-medium underline-offset-2 hover:underline"
              >
                {approval.agent}
              </Link>
            )}{' '}
            wants to {verb} <strong className="font-mono text-13 font-semibold break-words">{head}</strong>
            {approval.step !== null && (
              <span className="text-muted"> in step {approval.step} of its goal</span>
            )}
          </span>
        </p>
        <Waiting approval={approval} />
        <Effect approval={approval} short={row !== true} />
      </div>
      {/* Above an agent's panes there is little room on a phone: what is asked scrolls behind the answers. */}
      <div
        className={`flex flex-wrap items-center gap-1.5 ${reads ? 'pl-[18px]' : ''} ${nameless ? 'sticky bottom-0 bg-surface py-1' : ''}`}
      >
        {ANSWERS.map(({ decision, label, about }) => (
          <Button
            key={decision}
            data-answer={decision}
            kind={decision === 'once' ? 'primary' : 'plain'}
            busy={busy === decision}
            title={about}
            aria-label={`${label}: ${to} for ${approval.agent}`}
            onClick={(event) => void say(decision, event.currentTarget.closest('article')!)}
          >
            {label}
          </Button>
        ))}
        {reads && (
          <input
            aria-label={`Reason for denying: ${to} for ${approval.agent}`}
            placeholder="Reason, if you deny: it reads this"
            value={reason}
            maxLength={1000}
            onChange={(event) => setReason(event.target.value)}
            className="h-8 min-w-48 flex-1 rounded-sm border border-line bg-canvas px-2.5 text-13 hover:border-line-strong"
          />
        )}
      </div>
    </article>
  );
}

/** The card after this one, or before it when it is the last; else the list's own place for the focus. */
function neighbour(card: HTMLElement): HTMLElement | null {
  const list = card.closest('[data-list]');
  const all = [...(list?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
  const at = all.indexOf(card);
  return all[at + 1] ?? all[at - 1] ?? document.getElementById('main');
}

/** What exactly a call would do, why it is asked, and what looked suspicious. */
function Effect({ approval, short }: { approval: Approval; short: boolean }) {
  const { wish } = approval;
  const text = effectText(wish);
  if (wish.type === 'connect' && wish.program) {
    return (
      <p className="mt-0.5 pl-[18px] text-12 text-muted">
        By <span className="font-mono break-all text-text">{visible(wish.program)}</span>
      </p>
    );
  }
  if (wish.type !== 'call' || text === null) return null;
  return (
    <div className="mt-1 pl-[18px] text-12 text-muted">
      <p className="break-words">{sentence(wish.why)}</p>
      {wish.tainted && (
        <p className="font-medium text-waiting">It has read something from outside before this.</p>
      )}
      {wish.suspicions.map((one) => (
        <p key={one.kind + one.excerpt} className="break-words text-failed">
          {one.kind}: “{visible(one.excerpt)}”
        </p>
      ))}
      {!short && <Facts wish={wish} />}
      {short ? (
        <p className="mt-1 line-clamp-3 font-mono break-words text-text">{text}</p>
      ) : wish.diff !== null && wish.command === null ? (
        <div className="mt-1.5">
          <Diff lines={readDiff(wish.diff)} label={`What would change in ${wish.path ?? 'the file'}`} />
        </div>
      ) : (
        <pre className="mt-1.5 max-h-64 overflow-auto rounded-sm border border-line bg-screen px-3 py-2 font-mono text-12 leading-[18px] break-words whitespace-pre-wrap text-screen-text">
          {wish.command !== null && (
            <span aria-hidden="true" className="text-muted select-none">
              ${' '}
            </span>
          )}
          {text}
        </pre>
      )}
    </div>
  );
}

/** Where it would happen. */
function Facts({ wish }: { wish: CallWish }) {
  const facts: [string, string | null][] = [
    // The headline of a command says its tool.
    ['Tool', wish.command === null ? wish.tool : null],
    ['Starts in', wish.workdir],
    ['File', wish.path],
    ['Destination', wish.host],
  ];
  return (
    <dl className="mt-1 flex flex-wrap gap-x-5 gap-y-0.5">
      {facts.map(
        ([name, value]) =>
          value !== null && (
            <div key={name} className="flex min-w-0 gap-1.5">
              <dt>{name}</dt>
              <dd className="font-mono break-all text-text">{visible(value)}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function Waiting({ approval }: { approval: Approval }) {
  const waited = useNowAs((now) => duration(Math.max(0, now - Date.parse(approval.askedAt))));
  const left = useNowAs((now) => Math.max(0, Math.ceil((Date.parse(approval.expiresAt) - now) / 1000)));
  return (
    <p
      className={`mt-0.5 pl-[18px] text-12 ${left < 20 ? 'text-failed' : 'text-muted'}`}
      title={`asked ${exactTime(approval.askedAt)}`}
    >
      Held for <span className="figures">{waited}</span>,{' '}
      {left === 0 ? (
        'time is up'
      ) : (
        <>
          denied in <span className="figures">{duration(left * 1000)}</span> without an answer
        </>
      )}
    </p>
  );
}
