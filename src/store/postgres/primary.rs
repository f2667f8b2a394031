//! Which of the servers is the primary, as far as this node has seen.
//!
//! After a failover the former primary may still be there: frozen, cut off from its standby, or started again by its machine.
//! It takes writes as before, and a node that went back to it would read what is behind, or what was never acknowledged, and
//! would wait there for a standby that does not come. PostgreSQL counts promotions in the number of the timeline. So whoever
//! has seen a timeline never uses an older one of the same cluster again, neither on a new connection nor on one that is
//! open. Asking all servers before each statement was rejected: a server that is frozen would slow down everything.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A server's place in the history of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The cluster's identifier, which all its servers share.
    pub(super) cluster: i64,
    pub(super) timeline: i64,
}

impl Standing {
    fn is_before(self, other: Self) -> bool {
        self.cluster == other.cluster && self.timeline < other.timeline
    }
}

/// What all connections of a node have seen.
#[derive(Debug, Default)]
pub(super) struct Primary(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    standing: Option<Standing>,
    /// The place in the address of the server that was the primary last.
    server: usize,
}

impl Primary {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_known(&self) -> bool {
        self.lock().standing.is_some()
    }

    /// The places of so many servers, in the order in which they are best asked.
    pub(super) fn order(&self, servers: usize) -> Vec<usize> {
        let last = self.lock().server;
        let mut order: Vec<usize> = (0..servers).collect();
        order.sort_by_key(|server| *server != last);
        order
    }

    /// Takes note of a server that takes writes; false when it is a former primary.
    pub(super) fn admit(&self, server: usize, standing: Option<Standing>) -> bool {
        let mut seen = self.lock();
        if let (Some(known), Some(new)) = (seen.standing, standing)
            && new.is_before(known)
        {
            return false;
        }
        *seen = Seen { standing: standing.or(seen.standing), server };
        true
    }

    /// Whether a server with this standing has been overtaken.
    pub(super) fn is_former(&self, standing: Option<Standing>) -> bool {
        standing.zip(self.lock().standing).is_some_and(|(this, known)| this.is_before(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_back_to_a_former_primary() {
        let primary = Primary::default();
        let at = |cluster, timeline| Some(Standing { cluster, timeline });
        assert_eq!((primary.is_known(), primary.order(3)), (false, vec![0, 1, 2]));
        // A server that tells nothing of itself is taken as it is.
        assert!(primary.admit(1, None) && !primary.is_former(None));
        assert!(primary.admit(0, at(7, 1)) && primary.is_known());
        assert!(primary.admit(2, at(7, 2)));
        assert_eq!(primary.order(3), [2, 0, 1], "who was the primary last is asked first");
        assert!(primary.is_former(at(7, 1)) && !primary.is_former(at(7, 2)) && !primary.is_former(at(7, 3)));
        assert!(!primary.admit(0, at(7, 1)));
        assert_eq!(primary.order(3), [2, 0, 1], "a refused one changes nothing");
        // A database that was moved to another cluster begins to count anew.
        assert!(!primary.is_former(at(8, 1)) && primary.admit(0, at(8, 1)));
    }
}
