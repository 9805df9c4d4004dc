//! Packages: what they hold, manual pages, completions, the version that a build names.

#[path = "../packaging/commit.rs"]
mod commit;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{self, Finished};
use commit::{Checkout, archived};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn run(folder: &Path, line: &str) -> Finished {
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// Names of the commands, from the help.
fn commands() -> Vec<String> {
    let help = run(root(), "--help").expect_code(0).stdout;
    let list = help.split("Commands:\n").nth(1).expect("the help lists commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn the_version_names_the_build() {
    let version = run(root(), "--version").expect_code(0).stdout;
    let lines: Vec<&str> = version.lines().collect();
    let [name, commit, features, build] = lines[..] else { panic!("{version}") };
    assert_eq!(name, concat!("ee-outliers ", env!("CARGO_PKG_VERSION")));
    assert!(commit.starts_with("commit: "), "{commit}");
    let sign = |has: bool| if has { '+' } else { '-' };
    let expected = [("cuda", cfg!(feature = "cuda")), ("otel", cfg!(feature = "otel"))];
    let expected = expected.map(|(name, has)| format!("{}{name}", sign(has))).join(" ");
    assert_eq!(features, format!("features: {expected}"));
    assert!(build.contains(std::env::consts::ARCH) && build.contains("rustc 1."), "{build}");
    assert_eq!(run(root(), "-V").expect_code(0).stdout.lines().collect::<Vec<_>>(), [name]);
}

#[test]
fn the_commit_is_found_in_every_form_of_a_checkout() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    let found = |root: &str| Checkout::of(&folder.path().join(root)).and_then(|checkout| checkout.commit());
    assert_eq!(found("none"), None);
    write("branch/.git/HEAD", "ref: refs/heads/main\n");
    assert_eq!(found("branch"), None, "a branch without a commit");
    write(
        "branch/.git/packed-refs",
        &format!("# pack-refs\n{} refs/heads/x/main\n{COMMIT} refs/heads/main\n", "f".repeat(40)),
    );
    assert_eq!(found("branch").as_deref(), Some(COMMIT), "packed");
    let newer = "a".repeat(40);
    write("branch/.git/refs/heads/main", &format!("{newer}\n"));
    assert_eq!(found("branch"), Some(newer.clone()), "a file wins over the packed one");
    write("detached/.git/HEAD", COMMIT);
    assert_eq!(found("detached").as_deref(), Some(COMMIT));
    write("tree/.git", "gitdir: ../branch/.git/worktrees/tree\n");
    write("branch/.git/worktrees/tree/HEAD", "ref: refs/heads/main\n");
    write("branch/.git/worktrees/tree/commondir", "../..\n");
    assert_eq!(found("tree"), Some(newer), "a further work tree");
    let tree = Checkout::of(&folder.path().join("tree")).expect("a work tree");
    assert_eq!(tree.files().len(), 3);
    assert_eq!(archived(&folder.path().join("branch")), None);
    write("tarball/packaging/commit.txt", "$Format:%H$\n");
    assert_eq!(archived(&folder.path().join("tarball")), None, "git has not filled it in");
    write("tarball/packaging/commit.txt", COMMIT);
    assert_eq!(archived(&folder.path().join("tarball")).as_deref(), Some(COMMIT));
    assert!(text(".gitattributes").contains("packaging/commit.txt export-subst"));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    run(folder.path(), "man --dir pages").expect_code(0);
    let page = |name: &str| {
        let path = folder.path().join("pages").join(format!("{name}.1"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let program = page("ee-outliers");
    assert_eq!(run(folder.path(), "man").expect_code(0).stdout, program);
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        let expected = page(&format!("ee-outliers-{command}"));
        assert!(expected.contains("\n.SH SYNOPSIS\n"), "{expected}");
        assert_eq!(run(folder.path(), &format!("man {command}")).expect_code(0).stdout, expected);
    }
    let n_pages = fs::read_dir(folder.path().join("pages")).expect("readable").count();
    assert_eq!(n_pages, commands.len() + 1);
    let unknown = run(folder.path(), "man walk").expect_code(2).stderr;
    assert!(unknown.contains("check") && unknown.contains("run"), "{unknown}");
    // the codes of the manual are those of the documentation
    let codes = |text: &str, is_code: fn(&str) -> Option<&str>| -> BTreeSet<u8> {
        text.lines().filter_map(is_code).filter_map(|code| code.parse().ok()).collect()
    };
    let documented = codes(&text("README.md"), |line| line.strip_prefix("| ")?.split(" |").next());
    let in_manual = codes(&program, |line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"));
    assert_eq!(in_manual, documented);
    assert!(in_manual.contains(&78));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(root(), &format!("completions {shell}")).expect_code(0).stdout;
        for command in commands() {
            assert!(script.contains(&command), "{shell}: no {command}");
        }
        assert!(script.contains("memory-limit"), "{shell}");
    }
    run(root(), "completions tcsh").expect_code(2);
    let script = run(root(), "completions bash").expect_code(0).stdout;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash");
    bash.stdin.take().expect("piped").write_all(script.as_bytes()).expect("read");
    assert!(bash.wait().expect("it ends").success(), "bash cannot read its completions");
}

/// Lists of the metadata of the Debian package: each line's quoted texts.
fn package_list(key: &str) -> Vec<Vec<String>> {
    let manifest = text("Cargo.toml");
    let package = manifest.split("[package.metadata.deb]").nth(1).expect("there is a package");
    let list = package.split(&format!("\n{key} = [")).nth(1).expect("there is such a list");
    let list = list.split("\n]").next().expect("split gives one part");
    let lines = list.lines().take_while(|line| !line.starts_with(|c: char| c.is_alphabetic()));
    let quoted = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    lines.map(quoted).filter(|texts| !texts.is_empty()).collect()
}

#[test]
fn the_debian_package_holds_what_ships() {
    let assets = package_list("assets");
    assert!(assets.len() > 15, "{assets:?}");
    let mut shipped = BTreeSet::new();
    for asset in assets.iter().filter(|asset| !asset[0].starts_with("target/")) {
        let found =
            ee_outliers::paths::matching_paths(root().join(&asset[0]).to_str().expect("UTF-8")).expect("a pattern");
        assert!(!found.paths.is_empty(), "nothing matches {}", asset[0]);
        shipped.extend(found.paths);
    }
    for pattern in ["use_cases/**/*.conf", "hunting/*.conf", "profiles/*.conf", "docs/*.md", "packaging/systemd/*"] {
        let found =
            ee_outliers::paths::matching_paths(root().join(pattern).to_str().expect("UTF-8")).expect("a pattern");
        let left_out: Vec<_> = found.paths.into_iter().filter(|path| !shipped.contains(path)).collect();
        assert!(left_out.is_empty(), "not in the package: {left_out:?}");
    }
    let installed: BTreeSet<String> = assets.iter().map(|asset| format!("/{}", asset[1])).collect();
    for file in package_list("conf-files").concat() {
        assert!(installed.contains(&file), "{file} is not installed");
    }
}

/// Settings of a unit, without its comments.
fn unit(name: &str) -> Vec<String> {
    let text = text(&format!("packaging/systemd/{name}"));
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn both_services_are_hardened_alike() {
    let settings = ["ee-outliers.service", "ee-outliers-run.service"].map(|name| {
        let unit = unit(name);
        let start = unit.iter().position(|line| line.starts_with("User=")).expect("a user of its own");
        unit[start..].iter().take_while(|line| !line.starts_with('[')).cloned().collect::<Vec<_>>()
    });
    assert_eq!(settings[0], settings[1]);
    for needed in [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
        "MemoryDenyWriteExecute=yes",
        "LimitCORE=0",
        "StateDirectory=ee-outliers",
        "UMask=0077",
    ] {
        assert!(settings[0].iter().any(|line| line == needed), "no {needed}");
    }
}

#[test]
fn what_services_start_is_understood() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for unit_name in ["ee-outliers.service", "ee-outliers-run.service"] {
        let unit = unit(unit_name);
        let start =
            unit.iter().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/ee-outliers ")).expect("it starts");
        let options = text("packaging/etc/default");
        let options = options.lines().find_map(|line| line.strip_prefix("EE_OUTLIERS_OPTIONS=")).expect("options");
        let line = start.replace("$EE_OUTLIERS_OPTIONS", options.trim_matches('"'));
        if commands().iter().all(|command| !line.starts_with(command.as_str())) {
            continue;
        }
        run(folder.path(), &format!("{line} --help")).expect_code(0);
    }
    let config = root().join("packaging/etc/outliers.conf");
    let use_cases = root().join("use_cases/**/*.conf");
    let line = format!("check --config {} --use-cases {}", config.display(), use_cases.display());
    run(folder.path(), &line).expect_code(0);
}

#[test]
fn all_packages_have_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = text("packaging/helm/ee-outliers/Chart.yaml");
    for line in [format!("version: {version}\n"), format!("appVersion: \"{version}\"\n")] {
        assert!(chart.contains(&line), "Chart.yaml has no {line}");
    }
    for file in ["cronjob", "deployment"] {
        let manifest = text(&format!("packaging/kubernetes/{file}.yaml"));
        assert!(manifest.contains(&format!("image: ee-outliers:{version}\n")), "{file}");
    }
}

#[test]
fn containers_run_without_privileges() {
    for path in [
        "packaging/kubernetes/cronjob.yaml",
        "packaging/kubernetes/deployment.yaml",
        "packaging/helm/ee-outliers/templates/_helpers.tpl",
    ] {
        let manifest = text(path);
        for needed in [
            "runAsNonRoot: true",
            "runAsUser: 65532",
            "readOnlyRootFilesystem: true",
            "allowPrivilegeEscalation: false",
            "drop: [ALL]",
            "type: RuntimeDefault",
            "automountServiceAccountToken: false",
        ] {
            assert!(manifest.contains(needed), "{path}: no {needed}");
        }
    }
    let image = text("Dockerfile");
    assert!(image.contains("\nUSER 65532:65532\n") && image.contains("\nHEALTHCHECK "), "{image}");
}

#[test]
fn health_checks_say_what_the_daemon_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/healthz", listener.local_addr().expect("bound"));
    let check = |url: &str| program::run(root(), &["health", "--url", url]);
    for (status, code) in [("200 OK", 0), ("503 Service Unavailable", 69), ("302 Found", 69)] {
        let listener = listener.try_clone().expect("a second handle");
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let n_read = stream.read(&mut [0; 4096]).expect("readable");
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("written");
            n_read
        });
        let finished = check(&url).expect_code(code);
        assert_eq!(finished.stderr.contains(&url), code != 0, "{}", finished.stderr);
        assert!(daemon.join().expect("no panic") > 0);
    }
    drop(listener);
    check(&url).expect_code(69);
}
