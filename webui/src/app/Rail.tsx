import { Link, useNavigate } from '@tanstack/react-router';
import {
  Boxes,
  BrainCircuit,
  CircleHelp,
  Hand,
  History,
  KeyRound,
  LayoutTemplate,
  LogOut,
  Monitor,
  Moon,
  MoreHorizontal,
  PanelLeft,
  Plus,
  Search,
  Server,
  Sun,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { signOut } from '@/api/agents';
import { signedOut } from '@/api/http';
import { useApprovals } from '@/api/live';
import { useRemembered } from '@/lib/remember';
import { setTheme, useThemeChoice, type ThemeChoice } from '@/lib/theme';
import { IconButton } from '@/ui/Button';
import { Menu } from '@/ui/Menu';
import { Tip } from '@/ui/Tip';
import { ConnectionBadge } from './Connection';

const PLACES = [
  { to: '/', label: 'Fleet', icon: Boxes },
  { to: '/approvals', label: 'Approvals', icon: Hand },
  { to: '/history', label: 'History', icon: History },
  { to: '/templates', label: 'Templates', icon: LayoutTemplate },
  { to: '/models', label: 'Models', icon: BrainCircuit },
  { to: '/secrets', label: 'Secrets', icon: KeyRound },
  { to: '/system', label: 'System', icon: Server },
] as const;

interface Props {
  onPalette: () => void;
  onHelp: () => void;
}

/** Where one can go: a rail on wide screens, a bar at the bottom of a phone. */
export function Rail(props: Props) {
  return (
    <>
      <WideRail {...props} />
      <PhoneBar {...props} />
    </>
  );
}

function WideRail({ onPalette, onHelp }: Props) {
  const [width, setWidth] = useRemembered('rail', 'wide');
  const compact = width === 'narrow';
  return (
    <nav
      aria-label="Places"
      className={`hidden shrink-0 flex-col border-r border-line bg-surface p-2 sm:flex ${compact ? 'w-13' : 'w-52'}`}
    >
      <div className={`mb-2 flex items-center ${compact ? 'flex-col gap-1' : 'justify-between'}`}>
        <Link
          to="/"
          className="flex h-8 items-center gap-2 rounded-sm px-1.5 font-semibold"
          aria-label="Aether, Fleet"
        >
          <img src="/favicon.svg" alt="" width={20} height={20} />
          {!compact && <span className="text-14">Aether</span>}
        </Link>
        <IconButton
          label={compact ? 'Widen the rail' : 'Narrow the rail'}
          onClick={() => setWidth(compact ? 'wide' : 'narrow')}
        >
          <PanelLeft size={16} />
        </IconButton>
      </div>
      <RailButton
        compact={compact}
        label="Search"
        keys="Ctrl K"
        icon={<Search size={16} />}
        onClick={onPalette}
      />
      <div className="my-2 h-px bg-line" />
      <ul className="flex flex-col gap-0.5">
        {PLACES.map(({ to, label, icon: Icon }) => (
          <li key={to}>
            <MaybeTip text={compact ? label : null}>
              <Link
                to={to}
                activeOptions={{ exact: to === '/', includeSearch: false }}
                className="relative flex h-8 items-center gap-2.5 rounded-sm px-2.5 text-13 text-muted hover:bg-raised hover:text-text aria-[current=page]:bg-raised aria-[current=page]:font-medium aria-[current=page]:text-text"
              >
                <Icon size={16} aria-hidden="true" className="shrink-0" />
                <span className={compact ? 'sr-only' : 'flex-1'}>{label}</span>
                {to === '/approvals' && <Waiting corner={compact} />}
              </Link>
            </MaybeTip>
          </li>
        ))}
      </ul>
      <div className="flex-1" />
      <ConnectionBadge compact={compact} />
      <div className={`flex ${compact ? 'flex-col' : ''}`}>
        <ThemeMenu />
        <IconButton label="Shortcuts" onClick={onHelp}>
          <CircleHelp size={16} />
        </IconButton>
        <IconButton label="Sign out" onClick={leave}>
          <LogOut size={16} />
        </IconButton>
      </div>
    </nav>
  );
}

/** How many wishes wait, beside the place where they are answered. */
function Waiting({ corner }: { corner: boolean }) {
  const waiting = useApprovals().length;
  if (waiting === 0) return null;
  return (
    <span
      className={`figures inline-flex h-4.5 min-w-4.5 items-center justify-center rounded-full bg-waiting px-1 text-12 leading-none font-semibold text-canvas ${corner ? 'absolute top-0 right-0 sm:-top-0.5' : ''}`}
    >
      {waiting > 99 ? '99+' : waiting}
      <span className="sr-only"> waiting for you</span>
    </span>
  );
}

function leave() {
  void signOut().then(signedOut, signedOut);
}

function MaybeTip({ text, children }: { text: string | null; children: React.ReactElement }) {
  return text ? <Tip text={text}>{children}</Tip> : children;
}

interface RailButtonProps {
  compact: boolean;
  label: string;
  keys: string;
  icon: ReactNode;
  onClick: () => void;
}

function RailButton({ compact, label, keys, icon, onClick }: RailButtonProps) {
  if (compact) {
    return (
      <IconButton label={`${label} (${keys})`} onClick={onClick}>
        {icon}
      </IconButton>
    );
  }
  return (
    <button
      type="button"
      onClick={onClick}
      className="flex h-8 items-center gap-2.5 rounded-sm border border-line px-2 text-13 text-muted hover:border-line-strong hover:text-text"
    >
      {icon}
      <span className="flex-1 text-left">{label}</span>
      <kbd className="font-mono text-12">{keys}</kbd>
    </button>
  );
}

const THEMES: { choice: ThemeChoice; label: string; icon: ReactNode }[] = [
  { choice: 'system', label: 'As the system', icon: <Monitor size={15} /> },
  { choice: 'light', label: 'Light', icon: <Sun size={15} /> },
  { choice: 'dark', label: 'Dark', icon: <Moon size={15} /> },
];

function ThemeMenu() {
  const choice = useThemeChoice();
  const now = THEMES.find((each) => each.choice === choice)!;
  return (
    <Menu
      trigger={
        <button
          type="button"
          aria-label={`Theme: ${now.label}`}
          title={`Theme: ${now.label}`}
          className="inline-flex size-8 items-center justify-center rounded-sm text-muted hover:bg-raised hover:text-text"
        >
          {now.icon}
        </button>
      }
      items={THEMES.map((each) => ({
        label: each.label,
        icon: each.icon,
        onSelect: () => setTheme(each.choice),
      }))}
    />
  );
}

const PHONE_ITEM =
  'flex h-14 flex-1 flex-col items-center justify-center gap-0.5 text-12 text-muted aria-[current=page]:text-accent aria-[current=page]:font-medium';

/** What has room at the foot of a phone; the other places are behind “More”. */
const ON_PHONE = PLACES.filter(({ to }) => to === '/' || to === '/approvals');
const MORE = PLACES.filter((place) => !ON_PHONE.includes(place));

function PhoneBar({ onPalette }: Props) {
  const navigate = useNavigate();
  return (
    <nav
      aria-label="Places"
      className="order-last flex shrink-0 items-stretch border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] sm:hidden"
    >
      {ON_PHONE.map(({ to, label, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === '/', includeSearch: false }}
          className={`relative ${PHONE_ITEM}`}
        >
          <span className="relative">
            <Icon size={18} aria-hidden="true" />
            {to === '/approvals' && (
              <span className="absolute -top-1.5 left-3">
                <Waiting corner={false} />
              </span>
            )}
          </span>
          {label}
        </Link>
      ))}
      <Link
        to="."
        search={(old) => ({ ...old, deploy: 'goal' as const })}
        className={PHONE_ITEM}
        activeProps={{ 'aria-current': undefined }}
      >
        <Plus size={18} aria-hidden="true" />
        Deploy
      </Link>
      <button type="button" onClick={onPalette} className={PHONE_ITEM}>
        <Search size={18} aria-hidden="true" />
        Search
      </button>
      <Menu
        trigger={
          <button type="button" className={PHONE_ITEM}>
            <MoreHorizontal size={18} aria-hidden="true" />
            More
          </button>
        }
        items={MORE.map(({ to, label, icon: Icon }) => ({
          label,
          icon: <Icon size={15} aria-hidden="true" />,
          onSelect: () => void navigate({ to }),
        }))}
      />
    </nav>
  );
}
