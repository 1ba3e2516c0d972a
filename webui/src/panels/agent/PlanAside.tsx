import type { AgentInfo } from '@/api/generated';
import { Ago } from '@/ui/When';
import { Family, useFamily } from './Family';
import { PlanTree } from './PlanTree';
import { planLine } from './told';
import { usePlan } from './usePlan';

/** The plan and the children beside the timeline, where there are some and room for them; the tab “Mind” has them always. */
export function PlanAside({ agent }: { agent: AgentInfo }) {
  const plan = usePlan(agent.id).data;
  const family = useFamily(agent);
  if (!plan && family.length === 0) return null;
  return (
    <aside
      aria-label="Plan and children"
      className="hidden w-80 shrink-0 overflow-y-auto border-l border-line bg-surface p-4 @4xl:block"
    >
      {plan && (
        <>
          <h2 className="text-14 font-semibold">Plan</h2>
          <p className="mb-3 text-12 text-muted">
            {planLine(plan)}, changed <Ago at={plan.updatedAt} />
          </p>
          <PlanTree plan={plan} />
        </>
      )}
      {family.length > 0 && (
        <>
          <h2 className={`mb-2 text-14 font-semibold ${plan ? 'mt-5' : ''}`}>Children</h2>
          <Family nodes={family} own={agent.id} />
        </>
      )}
    </aside>
  );
}
