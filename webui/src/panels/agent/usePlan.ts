import { useQuery } from '@tanstack/react-query';
import { refusalOf } from '@/api/http';
import { useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';

/** The newest plan of an agent; null when it has none. */
export function usePlan(id: string) {
  const plan = useQuery({
    queryKey: ['plan', id],
    queryFn: async ({ signal }) => {
      try {
        return await api.plan(id, signal);
      } catch (cause) {
        if (refusalOf(cause).code === 'NOT_FOUND') return null;
        throw cause;
      }
    },
  });
  const changes = useChanges('plan', id);
  useAgain(changes, plan);
  return plan;
}
