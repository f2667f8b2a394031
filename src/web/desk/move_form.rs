//! The form that the button of a legal move opens, and what was typed into it when it was refused.

use super::{refusal_words::command_key, shell::Shell};
use crate::{
    dossier::{CommandKind, LegalMove, Procedure},
    web::form::Form,
};

/// A form as it came back: shown again with everything that was typed.
pub(super) struct Returned {
    pub kind: CommandKind,
    pub form: Form,
    /// The field's name and what is wrong with it.
    pub faults: Vec<(&'static str, String)>,
    /// Why the whole wish was refused.
    pub refusal: Option<String>,
}

pub(super) struct MoveForm {
    pub kind: CommandKind,
    /// As in the form's address.
    pub slug: String,
    pub label: String,
    /// The step that it leads to.
    pub leads_to: Option<String>,
    pub open: bool,
    /// A move that takes the dossier on, rather than one about its papers and facts.
    pub forward: bool,
}

impl MoveForm {
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind.as_str() == word
    }
}

/// One form a kind: entering a step has a choice of steps inside.
pub(super) fn move_forms(
    shell: &Shell,
    procedure: Option<&Procedure>,
    moves: &[LegalMove],
    returned: Option<&Returned>,
) -> Vec<MoveForm> {
    let mut forms: Vec<MoveForm> = Vec::new();
    for legal in moves {
        if forms.iter().any(|form| form.kind == legal.kind) {
            continue;
        }
        let step = legal.position.as_ref().and_then(|position| procedure?.step(&position.step));
        // A step is chosen in the form, and whoever withdraws knows where that leads.
        let named = !matches!(legal.kind, CommandKind::EnterStep | CommandKind::Withdraw);
        forms.push(MoveForm {
            kind: legal.kind,
            slug: slug(legal.kind),
            label: shell.t(&command_key(legal.kind.as_str())),
            leads_to: step.filter(|_| named).map(|step| step.name.get(shell.language).to_owned()),
            open: returned.is_some_and(|returned| returned.kind == legal.kind),
            forward: legal.position.is_some() || legal.kind == CommandKind::Extend,
        });
    }
    forms
}

/// The last part of the address that a command's form is sent to.
pub(super) fn slug(kind: CommandKind) -> String {
    kind.as_str().replace('_', "-")
}

pub(super) fn kind_of(slug: &str) -> Option<CommandKind> {
    CommandKind::ALL.into_iter().find(|kind| self::slug(*kind) == slug)
}
