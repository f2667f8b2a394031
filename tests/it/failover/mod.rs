//! An agency as it is run for real, and what may die in it: two nodes behind HAProxy, over a PostgreSQL primary and its
//! synchronous standby, with clerks at the desk who send their form again until they are told a reference.
//!
//! # How the database is set up, and why
//!
//! Two servers, and on both of them, from before the standby was made, `synchronous_standby_names = 'ANY 1 (db1, db2)'`. So a
//! promoted standby acknowledges nothing either until it has a standby of its own: writing waits, and a second failure right
//! after the first loses nothing. The seconds that these tests measure from a kill to the next acknowledgement therefore hold
//! the promotion and what makes the former primary a standby, which is pg_rewind. Letting the promoted server go on alone was
//! rejected: for as long as it is alone it would acknowledge what its disk can take away. Three
//! servers would be quicker and were rejected, too: a former primary that was only frozen and still has a standby of its own
//! could go on acknowledging; with two servers it cannot, because its only standby is the new primary.
//!
//! The standbys are named. Under `ANY 1 (*)` a base backup that is being made counts as a standby, and what it confirms can
//! be promoted by nobody; see `standby_gone`.
//!
//! Nobody waits here before a standby is promoted. How long a watchdog takes to be sure of a death comes on top.

mod agency;
mod clients;
mod cluster;
mod desk_faults;
mod form_page;
mod frozen;
mod lost_commit;
mod proxy;
mod rounds;
mod standby_gone;
