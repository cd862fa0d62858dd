//! What must still hold of a principal who changes who may do what.
//!
//! A request looks its role up when it begins. Between that and its write the role may be taken
//! away, so the write checks it once more: of two admins who remove each other at once, one does.

use domain::Error;
use domain::principal::{Identity, Principal, Standing};

use crate::keys::Key;
use crate::table::{Expression, Write, present};

/// Holds while the principal has the role that was looked up; none where no row says so.
pub(crate) fn still_holds(principal: &Principal) -> Option<Write> {
    match (principal.standing, &principal.identity) {
        (Standing::Granted, _) => None,
        (Standing::Kept, Identity::User { .. }) => Some(Write::Check {
            condition: Expression::new("principal_role = :role_held")
                .text(":role_held", principal.role.to_string()),
            key: Key::role(&principal.identity.pseudonym(), &principal.workspace),
        }),
        (Standing::Kept, Identity::Key { id, .. }) => Some(Write::Check {
            condition: present(),
            key: Key::api_key(&principal.workspace, *id),
        }),
    }
}

/// The answer where it does not hold any more.
pub(crate) fn lost() -> Error {
    Error::Forbidden {
        detail: "your role in this workspace was changed while you asked for this".to_owned(),
    }
}
