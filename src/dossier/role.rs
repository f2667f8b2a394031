//! Which member of staff may do what: the one place that says it.
//!
//! A list of rights for each account was rejected: nobody can tell at a glance what such an account may do, and an agency has
//! three kinds of people before a screen. Erasing a person's data is no action of a role: it is done on the machine itself, by
//! whoever can answer for its backups as well.

/// What an account is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Registers dossiers and moves them.
    #[default]
    Desk,
    /// As the desk, and looks over the desk's shoulder.
    Manager,
    /// Reads everything and changes nothing.
    Auditor,
}

/// What a member of staff asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StaffAction {
    /// Look at dossiers and their papers.
    ReadDossiers,
    /// Register a dossier.
    Register,
    /// Carry out a command on a dossier, a reprint included.
    ChangeDossier,
    /// Look at the journal, the keys and the checkpoints.
    ReadJournal,
    /// Take away a dossier's evidence.
    TakeEvidence,
}

impl Role {
    pub const fn may(self, action: StaffAction) -> bool {
        match action {
            StaffAction::ReadDossiers => true,
            StaffAction::Register | StaffAction::ChangeDossier => matches!(self, Self::Desk | Self::Manager),
            StaffAction::ReadJournal | StaffAction::TakeEvidence => matches!(self, Self::Manager | Self::Auditor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_by_each_action() {
        use StaffAction::{ChangeDossier, ReadDossiers, ReadJournal, Register, TakeEvidence};
        for (action, desk, manager, auditor) in [
            (ReadDossiers, true, true, true),
            (Register, true, true, false),
            (ChangeDossier, true, true, false),
            (ReadJournal, false, true, true),
            (TakeEvidence, false, true, true),
        ] {
            let may = Role::ALL.map(|role| role.may(action));
            assert_eq!(may, [desk, manager, auditor], "{action:?}");
        }
    }

    #[test]
    fn a_role_is_read_back() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("Desk".parse::<Role>().is_err() && "".parse::<Role>().is_err());
    }
}
