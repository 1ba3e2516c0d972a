import type { ReactNode } from 'react';
import type { AgentInfo, PostMortem } from '@/api/generated';
import { KINDS, KIND_LABELS, amount, spentOf } from '@/lib/budget';
import { count } from '@/lib/format';
import { dollars } from '@/lib/models';
import { Dialog } from '@/ui/Dialog';
import { sentence } from '@/ui/Notice';
import { Ago } from '@/ui/When';

interface Props {
  agent: AgentInfo;
  found: PostMortem;
  onClose: () => void;
}

/** What was found when an agent was frozen: its last steps, what it used, and which files its tools changed. */
export function PostMortemDialog({ agent, found, onClose }: Props) {
  return (
    <Dialog
      open
      wide
      reads
      onClose={onClose}
      title={`Why ${agent.name} was frozen`}
      about={sentence(found.why)}
    >
      <p className="text-12 text-muted">
        Frozen <Ago at={found.at} />
      </p>
      <dl className="mt-3 grid grid-cols-2 gap-3 sm:grid-cols-3">
        {KINDS.map((kind) => (
          <div key={kind} className="rounded-sm border border-line px-3 py-2">
            <dt className="text-12 text-muted">{KIND_LABELS[kind]}</dt>
            <dd className="figures text-14">{amount(kind, spentOf(found.spent, kind))}</dd>
          </div>
        ))}
      </dl>
      <Part title="Last steps" empty="It had taken none." some={found.lastSteps.length > 0}>
        <ol className="divide-y divide-line">
          {found.lastSteps.map((step, i) => (
            // oxlint-disable-next-line react/no-array-index-key -- steps have no other name
            <li key={i} className="px-3 py-1.5 font-mono text-12 break-words">
              {step}
            </li>
          ))}
        </ol>
      </Part>
      <Part title="Models" empty="It had asked none." some={found.byModel.length > 0}>
        <ul className="divide-y divide-line">
          {found.byModel.map((each) => (
            <Line key={each.model} name={each.model}>
              {count(each.answers, 'answer')}, {count(each.tokens, 'token')}, {dollars(each.costMicrousd)}
            </Line>
          ))}
        </ul>
      </Part>
      <Part title="Tools" empty="It had used none." some={found.byTool.length > 0}>
        <ul className="divide-y divide-line">
          {found.byTool.map((each) => (
            <Line key={each.tool} name={each.tool}>
              {count(each.calls, 'call')}
              {each.failed > 0 && <span className="text-failed">, {each.failed} failed</span>}
            </Line>
          ))}
        </ul>
      </Part>
      <Part
        title="Files its tools changed"
        empty="None. What commands changed is not known."
        some={found.files.length > 0}
      >
        <ul className="divide-y divide-line">
          {found.files.map((path) => (
            <li key={path} className="px-3 py-1.5 font-mono text-12 break-all">
              {path}
            </li>
          ))}
        </ul>
      </Part>
    </Dialog>
  );
}

function Part({
  title,
  empty,
  some,
  children,
}: {
  title: string;
  empty: string;
  some: boolean;
  children: ReactNode;
}) {
  return (
    <section className="mt-4">
      <h3 className="mb-1.5 text-13 font-medium">{title}</h3>
      {some ? (
        <div className="rounded-sm border border-line">{children}</div>
      ) : (
        <p className="text-13 text-muted">{empty}</p>
      )}
    </section>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 px-3 py-1.5 text-13">
      <span className="font-mono text-12 break-all">{name}</span>
      <span className="text-muted">{children}</span>
    </li>
  );
}
