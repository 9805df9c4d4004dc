//! Assets: the hosts, users and addresses that findings name, with and without `[assets]`.

use std::fs;

use serde_json::{Value, json};

use crate::program;
use crate::receiver::Receiver;
use crate::site::{Site, rare_processes};

/// Usual events of a host, and a rare one in which many things are named.
fn events() -> String {
    let usual = (0..10).map(|_| json!({"host": "pc", "process": "usual.exe", "host_name": "pc"}));
    let rare = json!({
        "host": "pc", "process": "rare.exe", "host.name": "ws1.example", "user": {"name": ["CORP\\ann", "WS1$"]},
        "source": {"ip": "10.0.0.9"}, "destination": {"ip": ["127.0.0.1", "192.0.2.7"]}, "Hostname": "other",
    });
    let named = json!({"host": "pc", "process": "odd.exe", "Computer": "ws2", "User": "NT AUTHORITY\\SYSTEM"});
    usual.chain([rare, named]).map(|event| format!("{event}\n")).collect()
}

fn site(main: &str) -> Site {
    let site = Site::new(main, &rare_processes(3));
    site.write("events.ndjson", &events());
    site
}

/// Assets of the findings about both processes.
fn of_findings(site: &Site, more: &[&str]) -> [Value; 2] {
    let args = [&["--findings", "findings.ndjson"][..], more].concat();
    site.run_with(&args).expect_code(0);
    let text = fs::read_to_string(site.path().join("findings.ndjson")).expect("written");
    let findings: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |process: &str| {
        let finding = findings.iter().find(|finding| finding["target"] == process).expect("a finding");
        finding["assets"].clone()
    };
    [of("rare.exe"), of("odd.exe")]
}

#[test]
fn findings_name_hosts_users_and_addresses_without_a_section() {
    let site = site("");
    let touched = json!(["host: ws1.example", "ip: 10.0.0.9", "ip: 192.0.2.7", "user: CORP\\ann"]);
    // no profile of fields is chosen: names mean themselves
    assert_eq!(of_findings(&site, &[]), [touched.clone(), json!([])]);
    assert_eq!(of_findings(&site, &["--fields", "windows"]), [touched, json!(["host: ws2"])]);
    let report = site.report();
    let assets = report["assets"].as_array().expect("a list");
    let names: Vec<&str> = assets.iter().filter_map(|asset| asset["asset"].as_str()).collect();
    assert_eq!(names, ["host: ws1.example", "host: ws2", "ip: 10.0.0.9", "ip: 192.0.2.7", "user: CORP\\ann"]);
    assert_eq!(report["totals"]["assets"], 5);
    // what is written stays as it was
    let written = fs::read_to_string(site.path().join("found.ndjson")).expect("written");
    assert!(written.contains("rare.exe on pc") && !written.contains("\"assets\""), "{written}");
    let args = ["run", "-q", "--use-cases", "use_cases.conf", "--events", "events.ndjson", "--html", "page.html"];
    let table = program::run(site.path(), &args).expect_code(0).stdout;
    assert!(table.contains("user: CORP\\ann") && table.contains("asset, with what contributed"), "{table}");
    let page = fs::read_to_string(site.path().join("page.html")).expect("written");
    assert!(page.contains("user: CORP\\ann"), "{page}");
}

#[test]
fn a_section_replaces_the_built_in_assets() {
    let touched = json!(["machine: ws1.example"]);
    let site_of = |main: &str| of_findings(&site(main), &["--fields", "windows"]);
    assert_eq!(site_of("[assets]\nhost.name=machine\n"), [touched, json!(["machine: ws2"])]);
    assert_eq!(site_of("[assets]\n"), [json!([]), json!([])]);
    assert_eq!(site_of("[assets]\nnowhere=host\n"), [json!([]), json!([])]);
}

#[test]
fn whitelists_do_not_see_built_in_assets() {
    let conf = format!("{}\n[whitelist_literals]\naccepted=host: ws1.example\n", rare_processes(3));
    let site = site("");
    site.write("use_cases.conf", &conf);
    let [touched, _] = of_findings(&site, &[]);
    assert_eq!(touched[0], "host: ws1.example");
}

#[test]
fn people_are_told_of_built_in_assets() {
    let receiver = Receiver::start();
    let channel = format!("[notifier_hook]\ntype=webhook\nurl={}\n", receiver.url);
    let site = site(&channel);
    site.write("use_cases.conf", &(rare_processes(3) + "notify=hook\n"));
    site.run().expect_code(0);
    let told = receiver.take();
    let of_rare = told.iter().find(|notice| notice.to_string().contains("rare.exe")).expect("a notice");
    assert!(of_rare.to_string().contains("\"host: ws1.example\""), "{of_rare}");
}
