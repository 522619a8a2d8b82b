//! Who may read the files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::processes::{HOME, Setup, Site};

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_for_their_owner_alone_and_a_folder_open_to_others_is_refused() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]).without("SIAGA_MASTER_KEY");
    let files = ["siaga.db", "siaga.db-wal", "siaga.db-shm", "master.key"];
    let mut siaga = setup.run().await;
    assert_eq!(mode(&setup.data), 0o700);
    for file in files {
        assert_eq!(mode(&setup.data.join(file)), 0o600, "{file}");
    }
    siaga.process.stop().await;

    // What others made readable, by an earlier version or by copying, is taken from them.
    for file in ["siaga.db", "master.key"] {
        set_mode(&setup.data.join(file), 0o644);
    }
    // What the group may do is the operator's word.
    set_mode(&setup.data, 0o750);
    let mut siaga = setup.run().await;
    for file in files {
        assert_eq!(mode(&setup.data.join(file)), 0o600, "{file}");
    }
    siaga.process.stop().await;

    let refused = format!("chmod o-rwx {}", setup.data.display());
    for open in [0o755, 0o701, 0o704, 0o702] {
        set_mode(&setup.data, open);
        let mut process = setup.spawn();
        let status = process.end(crate::harness::processes::SOON).await;
        assert!(!status.success());
        assert!(process.log().contains(&refused), "{}", process.log());
        let add = ["staff", "add", "a@example.org", "--role", "operator"];
        let (code, said) = setup.command(&add, "");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&refused), "{said}");
    }
    // And the command mends it.
    let sh = std::process::Command::new("sh")
        .args(["-c", &refused])
        .status();
    assert!(sh.unwrap().success());
    setup.run().await.process.stop().await;
}

#[test]
fn what_root_installs_with_writes_to_no_name_that_others_know() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install");
    let script = fs::read_to_string(script).unwrap();
    assert!(
        !script.contains("/tmp/"),
        "a fixed name in a folder of everybody"
    );
}
