use super::*;

fn host(text: &str) -> Host {
    Host::parse(text).expect(text)
}

fn rule(pattern: &str, ports: &[u16]) -> Rule {
    let host = HostPattern::parse(pattern).expect(pattern);
    Rule { host, ports: ports.to_vec(), methods: vec![], paths: vec![], program: None, preset: None }
}

fn policy(allow: Vec<Rule>, otherwise: Otherwise) -> Policy {
    Policy { allow, deny: vec![], open: vec![], otherwise }
}

fn ask(policy: &Policy, name: &str, port: u16, seen: Seen<'_>, addresses: &[&str]) -> Verdict {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("address")).collect();
    let own = ["93.184.216.1".parse().expect("own")];
    verdict(policy, &Question { host: &host(name), port, seen, addresses: &addresses, own: &own, program: None })
}

fn allowed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Allow(_))
}

#[test]
fn an_empty_list_denies_everything() {
    let empty = policy(vec![], Otherwise::Deny);
    for name in ["a.test", "93.184.216.34", "[2606:4700::1111]"] {
        assert_eq!(ask(&empty, name, 443, Seen::Nothing, &[]), Verdict::Deny(Reason::Unlisted), "{name}");
    }
}

#[test]
fn a_rule_allows_its_host_and_ports_only() {
    let policy = policy(vec![rule("a.test", &[]), rule("*.b.test", &[8443])], Otherwise::Deny);
    assert!(allowed(&ask(&policy, "a.test", 443, Seen::Opaque, &["93.184.216.34"])));
    assert!(allowed(&ask(&policy, "A.TEST.", 80, Seen::Nothing, &[])));
    assert!(allowed(&ask(&policy, "x.b.test", 8443, Seen::Opaque, &[])));
    assert_eq!(ask(&policy, "a.test", 22, Seen::Nothing, &[]), Verdict::Deny(Reason::Port(vec![80, 443])));
    for other in ["b.test", "evilb.test", "a.test.evil.io", "93.184.216.34"] {
        assert_eq!(ask(&policy, other, 443, Seen::Nothing, &[]), Verdict::Deny(Reason::Unlisted), "{other}");
    }
}

#[test]
fn no_policy_reaches_what_is_special_or_the_host() {
    let policies = [
        policy(vec![rule("a.test", &[]), rule("169.254.169.254", &[]), rule("93.184.216.1", &[])], Otherwise::Deny),
        policy(vec![], Otherwise::Ask),
        policy(vec![], Otherwise::Allow),
    ];
    for policy in &policies {
        for address in ["169.254.169.254", "127.0.0.1", "10.0.0.1", "[::ffff:169.254.169.254]", "[::1]", "93.184.216.1"] {
            assert!(matches!(ask(policy, address, 80, Seen::Nothing, &[]), Verdict::Deny(_)), "{address}");
        }
        // One bad address among good ones is enough: which one is connected to would be the agent's to choose.
        for bad in ["10.0.0.1", "::1", "93.184.216.1", "::ffff:93.184.216.1"] {
            let verdict = ask(policy, "a.test", 443, Seen::Opaque, &["93.184.216.34", bad]);
            assert!(matches!(verdict, Verdict::Deny(Reason::Special(..) | Reason::Own(_))), "{bad}: {verdict:?}");
        }
    }
    assert!(allowed(&ask(&policies[2], "a.test", 443, Seen::Opaque, &["93.184.216.34"])));
}

#[test]
fn a_person_is_asked_about_what_nothing_names() {
    let mut policy = policy(vec![rule("a.test", &[443])], Otherwise::Ask);
    policy.deny.push(HostPattern::parse("*.bad.test").expect("pattern"));
    assert_eq!(ask(&policy, "b.test", 443, Seen::Nothing, &[]), Verdict::Ask);
    assert!(allowed(&ask(&policy, "a.test", 443, Seen::Nothing, &[])));
    assert_eq!(ask(&policy, "a.test", 80, Seen::Nothing, &[]), Verdict::Deny(Reason::Port(vec![443])));
    assert_eq!(ask(&policy, "x.bad.test", 443, Seen::Nothing, &[]), Verdict::Deny(Reason::Listed("*.bad.test".into())));
}

#[test]
fn methods_and_paths_need_to_be_seen() {
    let mut narrow = rule("a.test", &[]);
    narrow.methods = vec!["GET".into(), "HEAD".into()];
    narrow.paths = vec!["/v1/".into()];
    let policy = policy(vec![narrow], Otherwise::Deny);
    let request = |method, path| ask(&policy, "a.test", 80, Seen::Request { method, path }, &[]);
    assert!(allowed(&ask(&policy, "a.test", 80, Seen::Nothing, &[])));
    assert!(allowed(&request("GET", "/v1/models")));
    assert_eq!(request("POST", "/v1/models"), Verdict::Deny(Reason::Request));
    assert_eq!(ask(&policy, "a.test", 443, Seen::Opaque, &[]), Verdict::Deny(Reason::Hidden));
    for path in
        ["/v2/", "/v1", "/v1/../v2", "/v1/%2e%2e/v2", "/v1/..%2fv2", "/v1//x", "/v1/.", "/v1/;x", "/v1/\\..\\v2", "/v1/%252e"]
    {
        assert_eq!(request("GET", path), Verdict::Deny(Reason::Request), "{path}");
    }
}

#[test]
fn what_is_denied_by_name_stays_denied_when_open() {
    let mut open = policy(vec![rule("x.a.test", &[])], Otherwise::Allow);
    open.deny = vec![HostPattern::parse("*.a.test").expect("pattern")];
    assert_eq!(ask(&open, "x.a.test", 443, Seen::Opaque, &[]), Verdict::Deny(Reason::Listed("*.a.test".into())));
    assert!(allowed(&ask(&open, "a.test", 25, Seen::Opaque, &[])));
}

#[test]
fn a_denied_address_is_denied_to_the_names_that_have_it() {
    let address = "93.184.216.34";
    let mut policy = policy(vec![rule("a.test", &[])], Otherwise::Allow);
    assert!(allowed(&ask(&policy, "a.test", 443, Seen::Opaque, &[address])), "the control");
    policy.deny.push(HostPattern::parse(address).expect("pattern"));
    for addresses in [&[address][..], &["93.184.216.35", address], &["::ffff:93.184.216.34"]] {
        assert_eq!(ask(&policy, "a.test", 443, Seen::Opaque, addresses), Verdict::Deny(Reason::Listed(address.to_owned())));
    }
    assert!(allowed(&ask(&policy, "a.test", 443, Seen::Opaque, &["93.184.216.35"])), "another address of it");
}

#[test]
fn a_rule_of_one_program_allows_no_other() {
    let policy = policy(vec![Rule { program: Some("/usr/bin/git".into()), ..rule("a.test", &[]) }], Otherwise::Ask);
    let by = |program| {
        let name = host("a.test");
        verdict(&policy, &Question { host: &name, port: 443, seen: Seen::Opaque, addresses: &[], own: &[], program })
    };
    assert!(policy.names_program(&host("a.test")) && !policy.names_program(&host("b.test")));
    assert!(allowed(&by(Some("/usr/bin/git"))));
    for (program, said) in [(Some("/home/agent/git"), "this is /home/agent/git"), (None, "cannot be told")] {
        let Verdict::Deny(reason) = by(program) else { panic!("{program:?} is neither allowed nor asked about") };
        assert!(reason.to_string().ends_with(said), "{reason}");
    }
}
