//! Keys as they are made, found and refused.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::{
    place::{CREDENTIALS, CREDENTIALS_VARIABLE, VARIABLES},
    *,
};

/// Different bytes at every call.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0;
    move |bytes| {
        next += 1;
        bytes.fill(next);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_was_created_is_loaded() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("keys");
    let created = KeyFiles::create(&folder, &mut counter()).unwrap();
    let loaded = KeyFiles::in_folder(&folder).unwrap();
    for (name, (left, right)) in NAMES.into_iter().zip([
        (created.token, loaded.token),
        (created.seal, loaded.seal),
        (created.log, loaded.log),
        (created.identity, loaded.identity),
    ]) {
        assert_eq!(left, right, "{name}");
        assert_eq!(fs::metadata(folder.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(loaded.seal, [2; 32]);
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_to_string(folder.join("log.key")).unwrap(), format!("{}\n", "03".repeat(32)));
    assert_eq!(KeyFiles::problems(&KeyPlace::Folder(folder.clone()), |_| None), Vec::<String>::new());
    assert_eq!(format!("{loaded:?}"), "KeyFiles(redacted)");
}

/// What a killed run has left is in nobody's way and comes into no folder of keys.
#[test]
fn a_folder_has_all_four_or_is_not_there() {
    let data = tempfile::tempdir().unwrap();
    let (folder, unfinished) = (data.path().join("keys"), data.path().join("keys.unfinished"));
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("token.key"), "half a k").unwrap();
    KeyFiles::create(&folder, &mut counter()).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), NAMES.len());
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing lies beside");
    KeyFiles::in_folder(&folder).unwrap();
}

/// Creates keys, spoils them, and expects `load` and `problems` to say so.
fn check(expected: &str, spoil: impl FnOnce(&Path)) {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("keys");
    KeyFiles::create(&folder, &mut counter()).unwrap();
    spoil(&folder);
    let error = KeyFiles::in_folder(&folder).unwrap_err().to_string();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    assert!(!error.contains("0202"), "a message may not show a key: {error}");
    let problems = KeyFiles::problems(&KeyPlace::Folder(folder.clone()), |_| None);
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?} does not say {expected:?}");
}

#[test]
fn spoiled_keys_are_refused() {
    let write = |name: &'static str, text: String| move |folder: &Path| fs::write(folder.join(name), text).unwrap();
    let digits = "02".repeat(32);
    for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
        check(&format!("(mode {mode:03o}). Run: chmod 600 '"), |folder| set_mode(&folder.join("log.key"), mode));
    }
    for mode in [0o750, 0o705, 0o777] {
        check(&format!("(mode {mode:03o}). Run: chmod 700 '"), |folder| set_mode(folder, mode));
    }
    check("64 hexadecimal digits", write("seal.key", String::new()));
    check("64 hexadecimal digits", write("seal.key", digits[1..].to_owned()));
    check("64 hexadecimal digits", write("seal.key", format!("{digits}0\n")));
    check("64 hexadecimal digits", write("seal.key", format!("{digits}\r\n")));
    check("64 hexadecimal digits", write("seal.key", format!("{digits}\n\n")));
    check("64 hexadecimal digits", write("seal.key", digits.replacen('0', "g", 1)));
    check("64 hexadecimal digits", write("seal.key", digits.repeat(1000)));
    check("token.key: ", |folder| fs::remove_file(folder.join("token.key")).unwrap());
    check("Run `milaf init`", |folder| fs::remove_dir_all(folder).unwrap());
    check("identity.key hold the same bytes", |folder| {
        fs::copy(folder.join("seal.key"), folder.join("identity.key")).unwrap();
    });
    check("Run: chmod 600", |folder| {
        let elsewhere = folder.join("elsewhere");
        fs::rename(folder.join("seal.key"), &elsewhere).unwrap();
        set_mode(&elsewhere, 0o644);
        symlink(elsewhere, folder.join("seal.key")).unwrap();
    });
}

#[test]
fn keys_are_never_overwritten() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("keys");
    KeyFiles::create(&folder, &mut counter()).unwrap();
    let before = fs::read(folder.join("token.key")).unwrap();
    let error = KeyFiles::create(&folder, &mut |bytes| bytes.fill(9)).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    fs::remove_file(folder.join("seal.key")).unwrap();
    let error = KeyFiles::create(&folder, &mut counter()).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert_eq!(fs::read(folder.join("token.key")).unwrap(), before);
    assert!(!folder.join("seal.key").exists());
}

#[test]
fn broken_randomness_makes_no_keys() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("keys");
    let error = KeyFiles::create(&folder, &mut |bytes| bytes.fill(7)).unwrap_err();
    assert!(matches!(error, KeyError::Equal { .. }), "{error}");
    assert!(!folder.exists());
}

#[test]
fn all_four_come_from_one_place() {
    let data = tempfile::tempdir().unwrap();
    let (folder, credentials) = (data.path().join("keys"), data.path().join("credentials"));
    KeyFiles::create(&folder, &mut counter()).unwrap();
    assert_eq!(KeyPlace::find(&folder, |_| None), KeyPlace::Folder(folder.clone()));

    fs::create_dir(&credentials).unwrap();
    let with_credentials = |name: &str| (name == CREDENTIALS_VARIABLE).then(|| credentials.clone().into_os_string());
    assert_eq!(KeyPlace::find(&folder, with_credentials), KeyPlace::Folder(folder.clone()), "none there");
    for (name, digit) in CREDENTIALS.into_iter().zip(5..) {
        let place = KeyPlace::find(&folder, with_credentials);
        assert!(KeyFiles::load(&place, with_credentials).is_ok() == (digit == 5), "a part of them is not enough");
        fs::write(credentials.join(name), format!("{}\n", format!("{digit:02}").repeat(32))).unwrap();
        set_mode(&credentials.join(name), 0o440);
    }
    let place = KeyPlace::find(&folder, with_credentials);
    assert_eq!(place, KeyPlace::Credentials(credentials.clone()));
    assert_eq!(KeyFiles::load(&place, with_credentials).unwrap().seal, [6; 32]);

    let environment = |given: usize| {
        move |name: &str| {
            let index = VARIABLES.iter().take(given).position(|variable| *variable == name)?;
            Some(OsString::from(format!("1{index}").repeat(32)))
        }
    };
    for (given, missing) in VARIABLES.into_iter().enumerate().skip(1) {
        let place = KeyPlace::find(&folder, environment(given));
        assert_eq!(place, KeyPlace::Environment);
        let error = KeyFiles::load(&place, environment(given)).unwrap_err().to_string();
        assert!(error.contains(missing) && error.contains("one place"), "{error}");
    }
    assert_eq!(KeyFiles::load(&KeyPlace::Environment, environment(4)).unwrap().log, [0x12; 32]);
    let same = |_: &str| Some(OsString::from("07".repeat(32)));
    let error = KeyFiles::load(&KeyPlace::Environment, same).unwrap_err().to_string();
    assert!(error.contains("MILAF_TOKEN_KEY and MILAF_SEAL_KEY hold the same bytes"), "{error}");
}

fn numbers(files: &KeyFiles) -> Vec<(KeyPurpose, u32)> {
    files.secrets().map(|(purpose, number, _)| (purpose, number)).collect()
}

#[test]
fn later_keys_have_numbers() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("keys");
    KeyFiles::create(&folder, &mut counter()).unwrap();
    fs::write(folder.join("seal-1.unfinished"), "half a k").unwrap();
    let mut fill = |bytes: &mut [u8]| bytes.fill(0x77);
    assert!(KeyFiles::add(&folder, KeyPurpose::Seal, 1, &mut fill).unwrap());
    let path = folder.join("seal-1.key");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", "77".repeat(32)));
    assert!(!folder.join("seal-1.unfinished").exists(), "what a killed run left is gone");
    assert!(!KeyFiles::add(&folder, KeyPurpose::Seal, 1, &mut |bytes| bytes.fill(9)).unwrap(), "never overwritten");
    let error = KeyFiles::write_new(&path, &mut |bytes| bytes.fill(9)).unwrap_err();
    assert!(matches!(error, KeyError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", "77".repeat(32)));

    fs::write(folder.join("seal-01.key"), "no key").unwrap();
    fs::write(folder.join("seal-x.key"), "no key").unwrap();
    let loaded = KeyFiles::in_folder(&folder).unwrap();
    let (token, seal, log) = (KeyPurpose::Token, KeyPurpose::Seal, KeyPurpose::Log);
    assert_eq!(numbers(&loaded), [(token, 0), (seal, 0), (log, 0), (seal, 1)]);
    assert_eq!(format!("{loaded:?}"), "KeyFiles(redacted)");

    fs::remove_file(folder.join("seal.key")).unwrap();
    assert_eq!(
        numbers(&KeyFiles::in_folder(&folder).unwrap()),
        [(token, 0), (log, 0), (seal, 1)],
        "the first may be gone"
    );
    set_mode(&path, 0o640);
    let error = KeyFiles::in_folder(&folder).unwrap_err().to_string();
    assert!(error.contains("seal-1.key") && error.contains("chmod 600"), "{error}");
    fs::remove_file(&path).unwrap();
    let error = KeyFiles::in_folder(&folder).unwrap_err().to_string();
    assert!(error.contains("seal.key"), "the last of a purpose is wanted: {error}");
}

#[test]
fn later_keys_come_from_the_environment_and_from_credentials() {
    let variable = |name: &str| {
        let digits = match name {
            "MILAF_TOKEN_KEY" => "10",
            "MILAF_SEAL_KEY_2" => "11",
            "MILAF_LOG_KEY" => "12",
            "MILAF_IDENTITY_KEY" => "13",
            _ => return None,
        };
        Some(OsString::from(digits.repeat(32)))
    };
    let loaded = KeyFiles::load(&KeyPlace::Environment, variable).unwrap();
    assert_eq!(numbers(&loaded), [(KeyPurpose::Token, 0), (KeyPurpose::Log, 0), (KeyPurpose::Seal, 2)]);
    assert_eq!(KeyPlace::Environment.of_key(KeyPurpose::Token, 3), "MILAF_TOKEN_KEY_3");

    let data = tempfile::tempdir().unwrap();
    for (name, digit) in CREDENTIALS.into_iter().chain(["milaf.log-4.key"]).zip(5..) {
        fs::write(data.path().join(name), format!("{}\n", format!("{digit:02}").repeat(32))).unwrap();
    }
    let place = KeyPlace::Credentials(data.path().to_owned());
    assert_eq!(place.of_key(KeyPurpose::Log, 4), data.path().join("milaf.log-4.key").display().to_string());
    assert_eq!(numbers(&KeyFiles::load(&place, |_| None).unwrap()).last(), Some(&(KeyPurpose::Log, 4)));
}
