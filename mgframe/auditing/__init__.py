"""Whether the views of one account agree: what is asked, matched, excused and checked."""
