//! Installs servers: fetches their jars and compiles their starters, once, outside the checkout.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::java;
use super::kind::{Kind, Published};

/// Fixed version, so that Maven does not look for the newest.
const FETCH: &str = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies";

/// Class of the module that answers `GET /`.
const GREETING: &str = "ee_outliers.tests.GreetingPlugin";

/// Returns the folder of our Java sources and project files.
pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/java")
}

/// Returns the folder of an installed server: `lib` has its jars, `main` its starter, `modules` its
/// modules.
///
/// # Errors
/// A missing tool, or the step that failed.
pub(super) fn ready(kind: Kind, jdk: &Path) -> Result<PathBuf, String> {
    let said = |what: &str, error: &io::Error| format!("{}: {what}: {error}", kind.name());
    let cache = cache_folder()?;
    fs::create_dir_all(&cache).map_err(|error| said(&format!("creating {}", cache.display()), &error))?;
    let stamp = stamp(kind).map_err(|error| said("reading the sources", &error))?;
    let home = cache.join(format!("{}-{stamp:016x}", kind.name()));
    // Maven's own cache does not support concurrent use
    let lock = fs::File::create(cache.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| said("waiting for others", &error))?;
    if home.is_dir() {
        return Ok(home);
    }
    // it gets its name when it is complete
    let scratch = tempfile::tempdir_in(&cache).map_err(|error| said("creating a folder", &error))?;
    fetch(kind, &scratch.path().join("lib"))?;
    match kind.published() {
        Published::WithRunner(..) => {
            compile(jdk, scratch.path(), "main", &[sources().join(kind.name()).join("StartNode.java")])?;
        }
        Published::InParts => put_together(kind, jdk, scratch.path())?,
    }
    fs::rename(scratch.path(), &home).map_err(|error| said(&format!("naming {}", home.display()), &error))?;
    Ok(home)
}

fn cache_folder() -> Result<PathBuf, String> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("XDG_CACHE_HOME")
        .or_else(|| given("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("ee-outliers/servers"))
        .ok_or_else(|| "servers cannot be kept: neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

/// Returns a hash of everything that an installed server is made from.
fn stamp(kind: Kind) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    kind.version().hash(&mut hasher);
    // this file says how it is put together
    include_str!("home.rs").hash(&mut hasher);
    let shared = sources();
    for folder in [shared.clone(), shared.join("elasticsearch"), shared.join(kind.name())] {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            fs::read(file)?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn fetch(kind: Kind, lib: &Path) -> Result<(), String> {
    let mut command = Command::new(java::maven()?);
    command.args(["-q", "-B", FETCH, "-DincludeScope=runtime"]);
    command.arg(format!("-DoutputDirectory={}", lib.display())).arg(format!("-Dserver.version={}", kind.version()));
    match kind.published() {
        Published::WithRunner(group, artifact) => {
            command.arg(format!("-Dserver.group={group}")).arg(format!("-Dserver.artifact={artifact}"));
            command.arg("-f").arg(sources().join("runner.pom.xml"));
        }
        Published::InParts => drop(command.arg("-f").arg(sources().join("elasticsearch.pom.xml"))),
    }
    run(&mut command, "Maven could not fetch its jars, which needs Maven Central or a mirror of it in settings.xml")
        .map_err(|reason| format!("{} {}: {reason}", kind.name(), kind.version()))
}

/// Compiles the starter and arranges the jars. Elasticsearch requires its jars as Java modules, and
/// those for HTTP separately, as a module of its own with a description.
fn put_together(kind: Kind, jdk: &Path, home: &Path) -> Result<(), String> {
    let said = |error: io::Error| format!("{}: {error}", kind.name());
    let (lib, network, greeting) = (home.join("lib"), home.join("modules/network"), home.join("modules/greeting"));
    fs::create_dir_all(&network).and_then(|()| fs::create_dir_all(&greeting)).map_err(said)?;
    for jar in fs::read_dir(&lib).map_err(said)? {
        let name = jar.map_err(said)?.file_name();
        let text = name.to_string_lossy();
        if text.starts_with("netty-") || text.starts_with("transport-netty4-") {
            fs::rename(lib.join(&name), network.join(&name)).map_err(said)?;
        }
    }
    let netty = "org.elasticsearch.transport.netty4";
    describe(kind, &network, &format!("{netty}.Netty4Plugin"), &format!("modulename={netty}\n")).map_err(said)?;
    describe(kind, &greeting, GREETING, "").map_err(said)?;
    let shared = sources().join("elasticsearch");
    compile(jdk, home, "main", &[shared.join("StartNode.java"), sources().join(kind.name()).join("NewNode.java")])?;
    compile(jdk, home, "greeting", &[shared.join("GreetingPlugin.java")])?;
    let mut jar = Command::new(jdk.join("bin/jar"));
    jar.arg("cf").arg(greeting.join("greeting.jar")).arg("-C").arg(home.join("greeting")).arg(".");
    run(&mut jar, "jar failed")
}

fn describe(kind: Kind, module: &Path, class: &str, more: &str) -> io::Result<()> {
    let (name, version) = (module.file_name().unwrap_or_default().display(), kind.version());
    let text = format!(
        "name={name}\ndescription={name}\nversion={version}\nelasticsearch.version={version}\njava.version=17\nclassname={class}\n{more}"
    );
    fs::write(module.join("plugin-descriptor.properties"), text)
}

fn compile(jdk: &Path, home: &Path, into: &str, files: &[PathBuf]) -> Result<(), String> {
    let mut javac = Command::new(jdk.join("bin/javac"));
    javac.args(["-nowarn", "-proc:none", "-cp"]).arg(home.join("lib/*")).arg("-d").arg(home.join(into)).args(files);
    run(&mut javac, "javac failed")
}

fn run(command: &mut Command, failed: &str) -> Result<(), String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?")).display().to_string();
    let Output { status, stdout, stderr } = command.output().map_err(|error| format!("{program}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{failed}: {status}\n{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}
