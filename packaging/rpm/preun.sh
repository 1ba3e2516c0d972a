# The last package goes: the service ends, and the agents with it.
if [ "$1" -eq 0 ] && command -v systemctl >/dev/null 2>&1; then
	systemctl --no-reload disable aetherd.service aetherd.socket >/dev/null 2>&1 || :
	if [ -d /run/systemd/system ]; then
		systemctl stop aether-agents.service >/dev/null 2>&1 || :
		systemctl stop aetherd.service aetherd.socket aether.slice >/dev/null 2>&1 || :
	fi
fi
