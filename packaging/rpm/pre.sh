# An older program does not take over what a newer one wrote: rpm refuses it by itself unless told --oldpackage.
if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers --replace=/usr/lib/sysusers.d/aether.conf - <<'USERS' || :
u aether - "Aether agent service" /var/lib/aether
USERS
fi
