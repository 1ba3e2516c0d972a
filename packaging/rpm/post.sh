if [ -d /run/systemd/system ]; then
	systemd-tmpfiles --create aether.conf || :
	systemctl daemon-reload >/dev/null 2>&1 || :
fi
if [ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1; then
	# Whether it starts with the machine is the distribution's preset to say.
	systemctl preset aetherd.service aetherd.socket >/dev/null 2>&1 || :
fi
