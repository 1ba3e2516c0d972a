//! Package managers and git inside a sandbox, unchanged and without a proxy variable, against mirrors of the test's own.
#![forbid(unsafe_code)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use aether_tests::{
    Outcome, eventually,
    internet::{Internet, PUBLIC},
};

/// Where the toolchain of this machine lies.
fn sysroot() -> String {
    let asked = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc");
    String::from_utf8(asked.stdout).expect("a path").trim().to_owned()
}

#[test]
fn tools_work_under_allow_and_reach_nothing_else() {
    let internet = Internet::new();
    let dir = tempfile::Builder::new().prefix("aether-mirror-").tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mirror.py");
    let path = |path: &Path| path.display().to_string();
    let _mirror = internet.start_far(&["/usr/bin/python3", &path(&script), &path(dir.path()), PUBLIC]);
    eventually("the mirrors", Duration::from_secs(60), || dir.path().join("ready").exists().then_some(()));
    let authority = format!("CA={}", fs::read_to_string(dir.path().join("ca.pem")).expect("the certificate"));
    let names = "pypi.org files.pythonhosted.org registry.npmjs.org github.com index.crates.io static.crates.io deb.debian.org elsewhere.test";
    let daemon = internet.daemon(&format!("{PUBLIC} {names}"));
    let rust = format!("{}:/opt/rust:ro", sysroot());
    let inside = |presets: &[&str], script: &str| -> Outcome {
        let mut args = vec!["run", "--rm", "--memory", "1G", "--mount", &rust, "--env", &authority];
        let certificates =
            ["PIP_CERT", "SSL_CERT_FILE", "npm_config_cafile", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "CARGO_HTTP_CAINFO"];
        let certificates = certificates.map(|name| format!("{name}=/home/agent/ca.pem"));
        certificates.iter().for_each(|pair| args.extend(["--env", pair]));
        presets.iter().for_each(|preset| args.extend(["--preset", preset]));
        let script = format!("echo \"$CA\" > ca.pem; env | grep -i _proxy= && exit 1; {script}");
        args.extend(["--", "bash", "-c", &script]);
        internet.beside(&daemon, &args, Duration::from_secs(120))
    };
    let pip = "python3 -m pip install -q --retries 0 --disable-pip-version-check --target t tiny && PYTHONPATH=t python3 -c 'import tiny; print(tiny.WORD)'";
    let npm = "npm install --fetch-retries 0 --no-audit --no-fund tiny >log 2>&1 || { cat log; exit 1; }; node -e \"console.log(require('tiny'))\"";
    let git = "git clone -q https://github.com/one.git && cat one/word";
    let cargo = "export PATH=/opt/rust/bin:$PATH; mkdir -p app/src && cd app && echo 'fn main() { println!(\"{}\", tiny::WORD) }' > src/main.rs &&
        printf '[package]\\nname = \"app\"\\nedition = \"2021\"\\n[dependencies]\\ntiny = \"1\"\\n' > Cargo.toml && CARGO_NET_RETRY=0 cargo run -q";
    // Lists and packages in the home: the rest of the machine is read-only.
    let apt = "mkdir -p apt/lists/partial apt/cache/archives/partial apt/etc; cp /var/lib/dpkg/status apt/ 2>/dev/null || : > apt/status;
        echo 'deb [trusted=yes] http://deb.debian.org/debian ./' > apt/list;
        apt() { apt-get -qq -o Dir::State=$PWD/apt -o Dir::State::status=$PWD/apt/status -o Dir::Cache=$PWD/apt/cache -o Dir::Etc::sourcelist=$PWD/apt/list \
        -o Dir::Etc::sourceparts=- -o APT::Sandbox::User= -o Acquire::Retries=0 -o APT::Update::Error-Mode=any \"$@\"; };
        apt update && apt download tiny && dpkg-deb -x tiny_1.0_all.deb t && cat t/usr/share/tiny/word";
    for (preset, script) in [("pypi", pip), ("npm", npm), ("github", git), ("crates", cargo), ("debian", apt)] {
        let out = inside(&[preset], script).ok();
        assert!(out.text().contains("from the mirror"), "{preset}: {out}");
        let other = if preset == "pypi" { "npm" } else { "pypi" };
        assert_ne!(inside(&[other], script).code, 0, "{preset} is not allowed by {other}");
    }
    // The name that TLS asks for is the one that was judged; the same server has both.
    let fronting = "curl -sS -m 20 --connect-to elsewhere.test:443:pypi.org:443 https://elsewhere.test/simple/tiny/";
    let out = inside(&["pypi"], fronting);
    assert!(out.code != 0 && out.stderr.contains("access denied"), "{out}");
    let out = inside(&["pypi"], "curl -sS -m 20 https://pypi.org/simple/tiny/").ok();
    assert!(out.text().contains("tiny-1.0"), "the control: {out}");
}
