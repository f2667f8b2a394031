//! Reading the codes in a picture or a paper: photograph, scan or PDF in, texts out.
//!
//! Pictures come from strangers. Their measures are read before their pixels, and what would take too much room or time is
//! refused. This room never judges what a code says.
