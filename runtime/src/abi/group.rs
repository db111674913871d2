//! Groups (MPI 5.0, section 7.3).

use super::prelude::*;
use crate::object::{group, session};

export! {
    /// Section 7.3.1, group accessors.
    fn MPI_Group_compare(group1: MPI_Group, group2: MPI_Group, result: *mut c_int) {
        let compared = group::get(group1.0)?.compare(&group::get(group2.0)?);
        arg::put(result, "result", compared as c_int)
    }

    /// Section 7.3.1, group accessors.
    fn MPI_Group_rank(group: MPI_Group, rank: *mut c_int) {
        let group = group::get(group.0)?;
        let own = group::here().and_then(|here| group.rank_of(here.0));
        arg::put(rank, "rank", own.map_or(MPI_UNDEFINED, u32::cast_signed))
    }

    /// Section 7.3.1, group accessors.
    fn MPI_Group_size(group: MPI_Group, size: *mut c_int) {
        arg::put(size, "size", group::get(group.0)?.size().cast_signed())
    }

    /// Section 7.3.1, group accessors.
    fn MPI_Group_translate_ranks(
        group1: MPI_Group, n: c_int, ranks1: *const c_int, group2: MPI_Group,
        ranks2: *mut c_int,
    ) {
        let n = arg::number(n, "n")?;
        let (from, to) = (group::get(group1.0)?, group::get(group2.0)?);
        let ranks1 = arg::slice(ranks1, n, "ranks1")?;
        let there = ranks1.iter().map(|rank| from.translate(*rank, &to));
        let translated: Result<Vec<c_int>> = there.collect();
        arg::slice_mut(ranks2, n, "ranks2")?.copy_from_slice(&translated?);
        Ok(())
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Comm_group(comm: MPI_Comm, group: *mut MPI_Group) on comm {
        let new = group::insert(arg::comm(comm)?.group.clone())?;
        arg::put(group, "group", MPI_Group(new))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_difference(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group) {
        let new = group::get(group1.0)?.difference(&group::get(group2.0)?);
        arg::put(newgroup, "newgroup", MPI_Group(group::insert(new)?))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_excl(group: MPI_Group, n: c_int, ranks: *const c_int, newgroup: *mut MPI_Group) {
        let ranks = arg::slice(ranks, arg::number(n, "n")?, "ranks")?;
        let new = group::insert(group::get(group.0)?.excl(ranks)?)?;
        arg::put(newgroup, "newgroup", MPI_Group(new))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_from_session_pset(
        session: MPI_Session, pset_name: *const c_char, newgroup: *mut MPI_Group,
    ) on session {
        session::check(session.0)?;
        let new = session::pset(arg::cstr(pset_name, "pset_name")?)?;
        let new = new.within(Some(session.0));
        arg::put(newgroup, "newgroup", MPI_Group(group::insert(new)?))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_incl(group: MPI_Group, n: c_int, ranks: *const c_int, newgroup: *mut MPI_Group) {
        let ranks = arg::slice(ranks, arg::number(n, "n")?, "ranks")?;
        let new = group::insert(group::get(group.0)?.incl(ranks)?)?;
        arg::put(newgroup, "newgroup", MPI_Group(new))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_intersection(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group) {
        let new = group::get(group1.0)?.intersection(&group::get(group2.0)?);
        arg::put(newgroup, "newgroup", MPI_Group(group::insert(new)?))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_range_excl(
        group: MPI_Group, n: c_int, ranges: *mut [c_int; 3], newgroup: *mut MPI_Group,
    ) {
        let ranges = arg::slice(ranges, arg::number(n, "n")?, "ranges")?;
        let new = group::insert(group::get(group.0)?.range_excl(ranges)?)?;
        arg::put(newgroup, "newgroup", MPI_Group(new))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_range_incl(
        group: MPI_Group, n: c_int, ranges: *mut [c_int; 3], newgroup: *mut MPI_Group,
    ) {
        let ranges = arg::slice(ranges, arg::number(n, "n")?, "ranges")?;
        let new = group::insert(group::get(group.0)?.range_incl(ranges)?)?;
        arg::put(newgroup, "newgroup", MPI_Group(new))
    }

    /// Section 7.3.2, group constructors.
    fn MPI_Group_union(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group) {
        let new = group::get(group1.0)?.union(&group::get(group2.0)?);
        arg::put(newgroup, "newgroup", MPI_Group(group::insert(new)?))
    }

    /// Section 7.3.3, group destructors.
    fn MPI_Group_free(group: *mut MPI_Group) {
        group::free(arg::get(group, "group")?.0)?;
        arg::put(group, "group", MPI_Group(group::NULL))
    }
}
