//! A panic is a bug of the library: it names rank and call, and ends the job. One that
//! says that the job segment was overwritten is not, and says that instead.

use crate::object::group;
use crate::{job, trace};
use std::sync::Once;
use wireup::segment::Scribbled;

/// Sets the hook, once. It says more and aborts the job where the panic came
/// inside an MPI call; every other panic of the program goes on as before.
pub fn install() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let scribbled = info.payload().downcast_ref::<Scribbled>();
            if let Some(what) = scribbled {
                job::die(&what.to_string());
            }
            before(info);
            if let Some(call) = trace::current() {
                let rank = group::own_rank();
                let text = format!("rank {rank} panicked in {call}: a bug of Lariat");
                job::abort(134, &text);
            }
        }));
    });
}
