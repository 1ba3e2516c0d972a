import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { refusalOf } from '@/api/http';
import { useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';
import { toast } from '@/ui/toast';

/** What people thought of the steps of an agent, newest word first, and how to say so. */
export function useRatings(id: string, enabled: boolean) {
  const queries = useQueryClient();
  const key = useMemo(() => ['feedback', id], [id]);
  const said = useQuery({ queryKey: key, queryFn: ({ signal }) => api.feedback(id, signal), enabled });
  const changes = useChanges('memory', id);
  useAgain(changes, said, enabled);
  const rate = useCallback(
    (step: number, rating: 1 | -1) =>
      void api.rate(id, { step, rating }).then(
        () => queries.invalidateQueries({ queryKey: key }),
        (cause) => {
          const { message, hint } = refusalOf(cause);
          toast('failed', message, hint);
        },
      ),
    [id, key, queries],
  );
  const ratings = useMemo(() => {
    const newest = new Map<number, number>();
    for (const each of said.data ?? []) if (!newest.has(each.step)) newest.set(each.step, each.rating);
    return newest;
  }, [said.data]);
  return { ratings, rate, all: said.data };
}
