//! An agency as it is run for real, and what may die in it: two nodes behind HAProxy, over a PostgreSQL primary and its
//! synchronous standbys, with clerks at the desk who send their form again until they are told a reference.
//!
//! # How the database is set up, and why
//!
//! `synchronous_standby_names = 'ANY 1 (db1, db2, db3)'` on every server, from before the standbys were made. So a promoted
//! standby acknowledges nothing either until it has a standby of its own: a second failure right after the first loses
//! nothing. Of two standbys the other one is there at once; the dead primary comes back as a standby later, by `pg_rewind`,
//! while people work. With a single standby all holds as well, but writing waits until the dead server is rewound, and how
//! long that takes is a matter of its disk. Letting a promoted server go on alone was rejected: for as long as it is alone it
//! would acknowledge what its disk can take away.
//!
//! A former primary that was only frozen must not go on acknowledging with the help of a standby that still follows it. So
//! the standbys turn away from it before one of them is promoted.
//!
//! The standbys are named. Under `ANY 1 (*)` a base backup that is being made counts as a standby, and what it confirms can
//! be promoted by nobody; see `standby_gone`.
//!
//! Nobody waits here before a standby is promoted. How long a watchdog takes to be sure of a death comes on top.

mod agency;
mod clients;
mod cluster;
mod desk_faults;
mod frozen;
mod lost_commit;
mod proxy;
mod rounds;
mod standby_gone;
