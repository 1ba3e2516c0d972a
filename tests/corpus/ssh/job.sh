set -e
ssh -V
for kind in ed25519 ecdsa rsa; do
  ssh-keygen -q -t $kind -N '' -C agent -f "key-$kind"
  ssh-keygen -l -f "key-$kind.pub" | sed -E 's/SHA256:[^ ]+/HASH/'
  stat -c %a "key-$kind"
done
ssh-keygen -q -p -N secret -f key-ed25519 >/dev/null
ssh-keygen -y -P wrong -f key-ed25519 2>&1 | grep -o 'incorrect passphrase' || true
eval "$(ssh-agent -s)" >/dev/null
ssh-add -q key-rsa
ssh-add -l | sed -E 's/SHA256:[^ ]+/HASH/'
echo text >text
ssh-keygen -q -Y sign -n file -f key-ecdsa text
printf 'agent %s' "$(cat key-ecdsa.pub)" >allowed
ssh-keygen -Y verify -f allowed -I agent -n file -s text.sig <text | sed -E 's/SHA256:[^ ]+/HASH/'
kill "$SSH_AGENT_PID"
ssh -G -o User=agent host.example | grep -E '^(user|hostname|port) '
ssh -o BatchMode=yes -p 1 127.0.0.1 true || echo "refused: $?"
ls -ld ~/.ssh 2>/dev/null | cut -c1-10 || true
