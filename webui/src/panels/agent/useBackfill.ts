import { useQuery } from '@tanstack/react-query';
import { timeline } from '@/api/agents';
import type { Event } from '@/api/generated';
import { fleet, useTimeline } from '@/api/live';

const PAGE = 1000;

/** All events of an agent: the older ones asked for once, the newer ones live. */
export function useAllEvents(id: string) {
  const backfill = useQuery({
    queryKey: ['timeline', id],
    queryFn: async ({ signal }) => {
      let since = 0;
      for (;;) {
        const page: Event[] = await timeline(id, since, signal);
        fleet.backfill(id, page);
        const last = page[page.length - 1];
        if (page.length < PAGE || !last) return true;
        since = last.seq;
      }
    },
    // What was held is dropped when the page closes, so each visit asks again.
    gcTime: 0,
    staleTime: Infinity,
  });
  return { events: useTimeline(id), loading: backfill.isPending, error: backfill.error };
}
