set -e
node --version
node main.mjs
export npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
(cd pkg && npm pack --silent)
mkdir project
cd project
cat >package.json <<'JSON'
{ "name": "corpus-project", "version": "1.0.0", "private": true,
  "scripts": { "test": "node --test --test-reporter=tap t.test.js | grep -E '^# (pass|fail)'", "tool": "corpus-tool" } }
JSON
npm install --silent ../pkg/corpus-package-1.0.0.tgz
cat >t.test.js <<'JS'
const test = require("node:test"), assert = require("node:assert");
test("package", () => assert.equal(require("corpus-package").twice(21), 42));
JS
npm run --silent tool
npm test --silent
npx --no-install corpus-tool
npm ls --silent
npm install --silent left-pad-that-is-not-there 2>/dev/null || echo "offline: $?"
cp package-lock.json ../pkg/*.tgz "$OUT"
