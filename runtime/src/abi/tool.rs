//! The tool information interface (MPI 5.0, section 15.3).

use super::prelude::*;
use crate::object::info::{self, Info};
use crate::tool::{self, category, cvar, enums, event, pvar};

export! {
    /// Section 15.3.4, tool interface initialization.
    fn MPI_T_finalize() at ANY_TIME {
        tool::finalize()
    }

    /// Section 15.3.4, tool interface initialization.
    fn MPI_T_init_thread(required: c_int, provided: *mut c_int) at ANY_TIME {
        let level = arg::thread_level(required).map_err(|_| arg::bad_level(required))?;
        arg::put(provided, "provided", level)?; // nothing here relies on who calls
        tool::init();
        Ok(())
    }

    /// Section 15.3.5, enumerations.
    fn MPI_T_enum_get_info(
        enumtype: MPI_T_enum, num: *mut c_int, name: *mut c_char, name_len: *mut c_int,
    ) at ANY_TIME {
        let found = enums::get(enumtype.0)?;
        arg::put_text(name, name_len, found.name);
        arg::put_number_if(num, found.items.len());
        Ok(())
    }

    /// Section 15.3.5, enumerations.
    fn MPI_T_enum_get_item(
        enumtype: MPI_T_enum, indx: c_int, value: *mut c_int, name: *mut c_char,
        name_len: *mut c_int,
    ) at ANY_TIME {
        let (number, meaning) = enums::item(enumtype.0, indx)?;
        arg::put_text(name, name_len, &meaning);
        arg::put_if(value, number);
        Ok(())
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_get_index(name: *const c_char, cvar_index: *mut c_int) at ANY_TIME {
        let index = cvar::find(&arg::string(name, "name")?)?;
        arg::put(cvar_index, "cvar_index", index)
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_get_info(
        cvar_index: c_int, name: *mut c_char, name_len: *mut c_int, verbosity: *mut c_int,
        datatype: *mut MPI_Datatype, enumtype: *mut MPI_T_enum, desc: *mut c_char,
        desc_len: *mut c_int, bind: *mut c_int, scope: *mut c_int,
    ) at ANY_TIME {
        let (said, meaning) = cvar::describe(cvar_index)?;
        arg::put_text(name, name_len, said);
        arg::put_text(desc, desc_len, meaning);
        arg::put_if(verbosity, MPI_T_VERBOSITY_USER_BASIC);
        arg::put_if(datatype, arg::cvar_type(&cvar::value(cvar_index)?));
        arg::put_if(enumtype, arg::cvar_enum(&cvar::value(cvar_index)?));
        arg::put_if(bind, MPI_T_BIND_NO_OBJECT);
        arg::put_if(scope, MPI_T_SCOPE_READONLY);
        Ok(())
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_get_num(num_cvar: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put_fitting(num_cvar, "num_cvar", cvar::number() as i64)
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_handle_alloc(
        cvar_index: c_int, obj_handle: *mut c_void, handle: *mut MPI_T_cvar_handle,
        count: *mut c_int,
    ) at ANY_TIME {
        let values = cvar::value(cvar_index)?.count();
        arg::put_fitting(count, "count", values as i64)?;
        let _ = obj_handle; // settings are of no object
        arg::put(handle, "handle", MPI_T_CVAR_HANDLE_NULL)?;
        arg::put(handle, "handle", MPI_T_cvar_handle(cvar::handle(cvar_index)?))
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_handle_free(handle: *mut MPI_T_cvar_handle) at ANY_TIME {
        cvar::free(arg::get(handle, "handle")?.0)?;
        arg::put(handle, "handle", MPI_T_CVAR_HANDLE_NULL)
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_read(handle: MPI_T_cvar_handle, buf: *mut c_void) at ANY_TIME {
        arg::put_cvar(buf, cvar::value(cvar::of_handle(handle.0)?)?)
    }

    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_write(handle: MPI_T_cvar_handle, buf: *const c_void) at ANY_TIME {
        let (name, _) = cvar::describe(cvar::of_handle(handle.0)?)?;
        let _ = buf;
        fail!(T_CVAR_SET_NEVER, "{name} is given at start and cannot be set any more")
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_get_index(
        name: *const c_char, var_class: c_int, pvar_index: *mut c_int,
    ) at ANY_TIME {
        let index = pvar::find(&arg::string(name, "name")?, var_class)?;
        arg::put(pvar_index, "pvar_index", index)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_get_info(
        pvar_index: c_int, name: *mut c_char, name_len: *mut c_int, verbosity: *mut c_int,
        var_class: *mut c_int, datatype: *mut MPI_Datatype, enumtype: *mut MPI_T_enum,
        desc: *mut c_char, desc_len: *mut c_int, bind: *mut c_int, readonly: *mut c_int,
        continuous: *mut c_int, atomic: *mut c_int,
    ) at ANY_TIME {
        let variable = pvar::describe(pvar_index)?;
        arg::put_text(name, name_len, &variable.name);
        arg::put_text(desc, desc_len, &variable.meaning);
        arg::put_if(verbosity, MPI_T_VERBOSITY_USER_DETAIL);
        arg::put_if(var_class, variable.class as c_int);
        let (kind, names) = arg::pvar_type(variable);
        arg::put_if(datatype, kind);
        arg::put_if(enumtype, names);
        arg::put_if(bind, arg::pvar_bind(variable));
        arg::put_if(readonly, c_int::from(variable.is_readonly()));
        arg::put_if(continuous, c_int::from(variable.is_continuous()));
        arg::put_if(atomic, c_int::from(variable.is_atomic()));
        Ok(())
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_get_num(num_pvar: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put_fitting(num_pvar, "num_pvar", pvar::number() as i64)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_handle_alloc(
        session: MPI_T_pvar_session, pvar_index: c_int, obj_handle: *mut c_void,
        handle: *mut MPI_T_pvar_handle, count: *mut c_int,
    ) at ANY_TIME {
        arg::put(handle, "handle", MPI_T_PVAR_HANDLE_NULL)?;
        arg::put_fitting(count, "count", 0)?;
        let (raw, values) = pvar::open(session.0, pvar_index, || arg::context_at(obj_handle))?;
        arg::put(handle, "handle", MPI_T_pvar_handle(raw))?;
        arg::put_fitting(count, "count", values as i64)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_handle_free(
        session: MPI_T_pvar_session, handle: *mut MPI_T_pvar_handle,
    ) at ANY_TIME {
        pvar::close(session.0, arg::get(handle, "handle")?.0)?;
        arg::put(handle, "handle", MPI_T_PVAR_HANDLE_NULL)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_read(
        session: MPI_T_pvar_session, handle: MPI_T_pvar_handle, buf: *mut c_void,
    ) at ANY_TIME {
        arg::check_pvar(buf)?;
        let (variable, _) = pvar::count(session.0, handle.0)?;
        arg::put_pvar(buf, variable, &pvar::read(session.0, handle.0)?)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_readreset(
        session: MPI_T_pvar_session, handle: MPI_T_pvar_handle, buf: *mut c_void,
    ) at ANY_TIME {
        arg::check_pvar(buf)?;
        let (variable, _) = pvar::count(session.0, handle.0)?;
        arg::put_pvar(buf, variable, &pvar::read_and_reset(session.0, handle.0)?)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_reset(session: MPI_T_pvar_session, handle: MPI_T_pvar_handle) at ANY_TIME {
        pvar::reset(session.0, handle.0)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_session_create(session: *mut MPI_T_pvar_session) at ANY_TIME {
        arg::put(session, "session", MPI_T_pvar_session(pvar::open_session()?))
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_session_free(session: *mut MPI_T_pvar_session) at ANY_TIME {
        pvar::close_session(arg::get(session, "session")?.0)?;
        arg::put(session, "session", MPI_T_PVAR_SESSION_NULL)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_start(session: MPI_T_pvar_session, handle: MPI_T_pvar_handle) at ANY_TIME {
        pvar::start_or_stop(session.0, handle.0, true)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_stop(session: MPI_T_pvar_session, handle: MPI_T_pvar_handle) at ANY_TIME {
        pvar::start_or_stop(session.0, handle.0, false)
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_write(
        session: MPI_T_pvar_session, handle: MPI_T_pvar_handle, buf: *const c_void,
    ) at ANY_TIME {
        let count = pvar::count(session.0, handle.0)?;
        pvar::write(session.0, handle.0, &arg::pvar_values(buf, count)?)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_callback_get_info(
        event_registration: MPI_T_event_registration, cb_safety: MPI_T_cb_safety,
        info_used: *mut MPI_Info,
    ) at ANY_TIME {
        event::check(event_registration.0)?;
        arg::safety(cb_safety)?;
        arg::put(info_used, "info_used", MPI_INFO_NULL)?;
        arg::put(info_used, "info_used", MPI_Info(info::insert(Info::default())?))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_callback_set_info(
        event_registration: MPI_T_event_registration, cb_safety: MPI_T_cb_safety,
        info: MPI_Info,
    ) at ANY_TIME {
        event::check(event_registration.0)?;
        arg::safety(cb_safety)?;
        arg::hints(info).map(drop) // there are none that matter
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_copy(event_instance: MPI_T_event_instance, buffer: *mut c_void) at ANY_TIME {
        let (kind, happened) = event::instance(event_instance.0)?;
        arg::check_pvar(buffer)?;
        kind.elements.iter().zip(happened.numbers).try_for_each(|(element, number)| {
            arg::put_element(buffer.wrapping_byte_add(element.displacement), element, number)
        })
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_index(name: *const c_char, event_index: *mut c_int) at ANY_TIME {
        let index = event::find(&arg::string(name, "name")?)?;
        arg::put(event_index, "event_index", index)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_info(
        event_index: c_int, name: *mut c_char, name_len: *mut c_int, verbosity: *mut c_int,
        array_of_datatypes: *mut MPI_Datatype, array_of_displacements: *mut MPI_Aint,
        num_elements: *mut c_int, enumtype: *mut MPI_T_enum, info: *mut MPI_Info,
        desc: *mut c_char, desc_len: *mut c_int, bind: *mut c_int,
    ) at ANY_TIME {
        let found = event::describe(event_index)?;
        arg::put_text(name, name_len, found.name);
        arg::put_text(desc, desc_len, found.meaning);
        arg::put_if(verbosity, MPI_T_VERBOSITY_USER_DETAIL);
        arg::put_elements(array_of_datatypes, array_of_displacements, num_elements, found.elements);
        let index = usize::try_from(event_index).unwrap_or(0);
        arg::put_if(enumtype, MPI_T_enum(enums::of_elements(index)));
        if !info.is_null() {
            arg::put(info, "info", MPI_Info(info::insert(Info::default())?))?;
        }
        arg::put_if(bind, MPI_T_BIND_NO_OBJECT);
        Ok(())
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_num(num_events: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put_fitting(num_events, "num_events", event::TYPES.len() as i64)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_source(
        event_instance: MPI_T_event_instance, source_index: *mut c_int,
    ) at ANY_TIME {
        event::instance(event_instance.0)?;
        arg::put(source_index, "source_index", 0)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_timestamp(
        event_instance: MPI_T_event_instance, event_timestamp: *mut MPI_Count,
    ) at ANY_TIME {
        let (_, happened) = event::instance(event_instance.0)?;
        arg::put_fitting(event_timestamp, "event_timestamp", happened.at.cast_signed())
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_alloc(
        event_index: c_int, obj_handle: *mut c_void, info: MPI_Info,
        event_registration: *mut MPI_T_event_registration,
    ) at ANY_TIME {
        let _ = obj_handle; // events are of no object
        arg::put(event_registration, "event_registration", MPI_T_event_registration(0))?;
        arg::hints(info)?;
        let raw = event::register(event_index)?;
        arg::put(event_registration, "event_registration", MPI_T_event_registration(raw))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_free(
        event_registration: MPI_T_event_registration, user_data: *mut c_void,
        free_cb_function: MPI_T_event_free_cb_function,
    ) at ANY_TIME {
        event::unregister(event_registration.0)?;
        arg::freed(free_cb_function, event_registration, user_data);
        Ok(())
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_get_info(
        event_registration: MPI_T_event_registration, info_used: *mut MPI_Info,
    ) at ANY_TIME {
        event::check(event_registration.0)?;
        arg::put(info_used, "info_used", MPI_INFO_NULL)?;
        arg::put(info_used, "info_used", MPI_Info(info::insert(Info::default())?))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_set_info(
        event_registration: MPI_T_event_registration, info: MPI_Info,
    ) at ANY_TIME {
        event::check(event_registration.0)?;
        arg::hints(info).map(drop) // there are none that matter
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_read(
        event_instance: MPI_T_event_instance, element_index: c_int, buffer: *mut c_void,
    ) at ANY_TIME {
        let (kind, happened) = event::instance(event_instance.0)?;
        let at = usize::try_from(element_index).unwrap_or(usize::MAX);
        let Some(element) = kind.elements.get(at) else {
            fail!(T_INVALID_INDEX, "{} has no element {element_index}", kind.name);
        };
        arg::put_element(buffer, element, happened.numbers[at])
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_register_callback(
        event_registration: MPI_T_event_registration, cb_safety: MPI_T_cb_safety,
        info: MPI_Info, user_data: *mut c_void, event_cb_function: MPI_T_event_cb_function,
    ) at ANY_TIME {
        let safety = arg::safety(cb_safety)?;
        arg::hints(info)?;
        let callback = arg::callback(event_cb_function, user_data);
        event::set_callback(event_registration.0, safety, callback)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_set_dropped_handler(
        event_registration: MPI_T_event_registration,
        dropped_cb_function: MPI_T_event_dropped_cb_function,
    ) at ANY_TIME {
        let handler = arg::dropped_handler(dropped_cb_function);
        event::set_dropped_handler(event_registration.0, handler)
    }

    /// Section 15.3.8, events.
    fn MPI_T_source_get_info(
        source_index: c_int, name: *mut c_char, name_len: *mut c_int, desc: *mut c_char,
        desc_len: *mut c_int, ordering: *mut MPI_T_source_order,
        ticks_per_second: *mut MPI_Count, max_ticks: *mut MPI_Count, info: *mut MPI_Info,
    ) at ANY_TIME {
        let (said, meaning) = event::source(source_index)?;
        arg::put_text(name, name_len, said);
        arg::put_text(desc, desc_len, meaning);
        arg::put_if(ordering, MPI_T_SOURCE_ORDERED);
        arg::put_if(ticks_per_second, 1_000_000_000);
        arg::put_if(max_ticks, MPI_Count::MAX);
        if !info.is_null() {
            arg::put(info, "info", MPI_Info(info::insert(Info::default())?))?;
        }
        Ok(())
    }

    /// Section 15.3.8, events.
    fn MPI_T_source_get_num(num_sources: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put(num_sources, "num_sources", 1)
    }

    /// Section 15.3.8, events.
    fn MPI_T_source_get_timestamp(source_index: c_int, timestamp: *mut MPI_Count) at ANY_TIME {
        event::source(source_index)?;
        arg::put_fitting(timestamp, "timestamp", crate::pml::events::now().cast_signed())
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_changed(update_number: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put(update_number, "update_number", 0)
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_categories(cat_index: c_int, len: c_int, indices: *mut c_int) at ANY_TIME {
        arg::put_indices(indices, len, &category::describe(cat_index)?.categories())
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_cvars(cat_index: c_int, len: c_int, indices: *mut c_int) at ANY_TIME {
        arg::put_indices(indices, len, &category::describe(cat_index)?.cvars())
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_events(cat_index: c_int, len: c_int, indices: *mut c_int) at ANY_TIME {
        arg::put_indices(indices, len, &category::describe(cat_index)?.events())
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_index(name: *const c_char, cat_index: *mut c_int) at ANY_TIME {
        let index = category::find(&arg::string(name, "name")?)?;
        arg::put(cat_index, "cat_index", index)
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_info(
        cat_index: c_int, name: *mut c_char, name_len: *mut c_int, desc: *mut c_char,
        desc_len: *mut c_int, num_cvars: *mut c_int, num_pvars: *mut c_int,
        num_categories: *mut c_int,
    ) at ANY_TIME {
        let found = category::describe(cat_index)?;
        arg::put_text(name, name_len, found.name);
        arg::put_text(desc, desc_len, found.meaning);
        arg::put_number_if(num_cvars, found.cvars().len());
        arg::put_number_if(num_pvars, found.pvars().len());
        arg::put_number_if(num_categories, found.categories().len());
        Ok(())
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_num(num_cat: *mut c_int) at ANY_TIME {
        tool::check()?;
        arg::put_fitting(num_cat, "num_cat", category::number() as i64)
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_num_events(cat_index: c_int, num_events: *mut c_int) at ANY_TIME {
        let events = category::describe(cat_index)?.events().len();
        arg::put_fitting(num_events, "num_events", events as i64)
    }

    /// Section 15.3.9, categories.
    fn MPI_T_category_get_pvars(cat_index: c_int, len: c_int, indices: *mut c_int) at ANY_TIME {
        arg::put_indices(indices, len, &category::describe(cat_index)?.pvars())
    }
}
