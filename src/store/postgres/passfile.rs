//! libpq's password file: lines of `host:port:database:user:password`, where `*` matches anything and a backslash stands
//! before a colon or a backslash that is meant.

use std::{fs, path::Path};

/// libpq ignores a file that others may read; saying so is kinder than a refused password later.
pub(super) fn check_owner_only(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        return Err("others may read it; run chmod 600 on it".to_owned());
    }
    if metadata.is_file() { Ok(()) } else { Err("it is not a file".to_owned()) }
}

/// The password of the first line that fits. A Unix socket's folder counts as `localhost`, as in libpq.
pub(super) fn find(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let host = if host.starts_with('/') { "localhost" } else { host };
    let wanted = [host, &port.to_string(), database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [fields @ .., password] = fields.as_slice() else { return None };
        let fits =
            fields.len() == 4 && fields.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| password.clone())
    })
}

/// The first four colons part; the password may hold colons as they stand.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        let next = match sign {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => signs.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(next);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# host:port:database:user:password\n\
                    db1:5432:milaf:clerk:first\n\
                    db1:*:milaf:milaf:se\\:c\\\\r:et\n\
                    localhost:5432:*:milaf:socket\n\
                    db2:5432:milaf:milaf\n\
                    *:*:*:milaf:\n";
        let table = [
            (("db1", 5432, "milaf", "clerk"), Some("first")),
            (("db1", 5433, "milaf", "milaf"), Some("se:c\\r:et")),
            (("/run/postgresql", 5432, "milaf", "milaf"), Some("socket")),
            (("db2", 5432, "milaf", "milaf"), Some("")),
            (("db1", 5432, "other", "clerk"), None),
        ];
        for ((host, port, database, user), expected) in table {
            assert_eq!(find(text, host, port, database, user).as_deref(), expected, "{host}:{port}:{database}:{user}");
        }
    }
}
