set -e
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git config --global user.name Agent
git config --global user.email agent@localhost
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git init -q one
cd one
i=0
while [ $i -lt 30 ]; do i=$((i + 1)); seq 1 $((i * 50)) >"file-$i"; ln -s "file-$i" "link-$i"; done
chmod +x file-3
git add .
git commit -qm first
git switch -qc side
echo changed >file-1
git commit -qam side
git switch -q main
echo other >file-2
git commit -qam main
git merge -q --no-edit side
git log --format='%H %s' --all
git tag -a v1 -m one
git worktree add -q ../tree side
git -C ../tree status --short --branch
printf 'x\n' >>file-5
git stash -q
git stash pop -q
git diff --stat
git checkout -q -- file-5
git gc -q
git repack -qadf --threads=2
git fsck --no-progress
git bisect start main HEAD~1 >/dev/null
git bisect reset 2>/dev/null
git submodule status
cd ..
git clone -q --bare one bare.git
git clone -q "file://$PWD/bare.git" two
git clone -q --depth 1 "file://$PWD/bare.git" shallow
git clone -q --local one linked
cd two
echo new >new
git add new
git commit -qm new
git push -q origin main
git -C ../one pull -q ../bare.git main
git -C ../one rev-parse HEAD
git grep -c 1 -- file-4
git archive --format tar HEAD | tar -t | wc -l
git daemon --base-path=.. --export-all --listen=127.0.0.1 --port=19418 --reuseaddr --pid-file=../daemon.pid --detach
i=0
until git ls-remote -q git://127.0.0.1:19418/bare.git main 2>/dev/null; do i=$((i + 1)); [ $i -lt 50 ] || exit 9; sleep 0.1; done
kill "$(cat ../daemon.pid)"
git clone -q ssh://127.0.0.1:1/nothing 2>&1 | grep -o 'Connection refused'
git rev-parse HEAD >"$OUT/head"
