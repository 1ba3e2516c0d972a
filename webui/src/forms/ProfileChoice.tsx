import type { Profile } from '@/api/generated';
import { PROFILES, PROFILE_NAMES } from '@/lib/profiles';

interface Props {
  profile: Profile;
  onChoose: (profile: Profile) => void;
}

/** How far the sandbox is closed; what each other profile gives up is said before it is chosen. */
export function ProfileChoice({ profile, onChoose }: Props) {
  return (
    <fieldset className="flex flex-col gap-2.5">
      <legend className="sr-only">Profile</legend>
      {PROFILE_NAMES.map((name) => (
        <label key={name} className="flex cursor-pointer items-start gap-2.5">
          <input
            type="radio"
            name="profile"
            value={name}
            checked={profile === name}
            onChange={() => onChoose(name)}
            className="mt-0.5 size-4 shrink-0 accent-accent-solid"
          />
          <span>
            <span className="block text-13 font-medium">{PROFILES[name].title}</span>
            <span className="block text-12 text-muted">{PROFILES[name].about}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
