import type { AgentInfo } from '@/api/generated';
import { Ago } from '@/ui/When';
import { PlanTree } from './PlanTree';
import { planLine } from './told';
import { usePlan } from './usePlan';

/** The plan beside the timeline, where there is one and room for it; the tab “Mind” has it always. */
export function PlanAside({ agent }: { agent: AgentInfo }) {
  const plan = usePlan(agent.id).data;
  if (!plan) return null;
  return (
    <aside
      aria-label="Plan"
      className="hidden w-80 shrink-0 overflow-y-auto border-l border-line bg-surface p-4 @4xl:block"
    >
      <h2 className="text-14 font-semibold">Plan</h2>
      <p className="mb-3 text-12 text-muted">
        {planLine(plan)}, changed <Ago at={plan.updatedAt} />
      </p>
      <PlanTree plan={plan} />
    </aside>
  );
}
