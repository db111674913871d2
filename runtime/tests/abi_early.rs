//! Calls that are allowed before `MPI_Init` may come from many threads at once
//! (MPI 5.0, section 11.4.1).

use lariat::abi::consts::MPI_SUCCESS;
use lariat::abi::env::MPI_Initialized;
use lariat::abi::info::{MPI_Info_create, MPI_Info_free, MPI_Info_get_nkeys, MPI_Info_set};
use lariat::abi::types::MPI_Info;

fn make_and_free() {
    let mut info = MPI_Info(0);
    let (mut keys, mut flag) = (0, 1);
    for _ in 0..2000 {
        // SAFETY: all pointers are to variables of this function or literals.
        unsafe {
            assert_eq!(MPI_Info_create(&raw mut info), MPI_SUCCESS);
            assert_eq!(
                MPI_Info_set(info, c"key".as_ptr(), c"value".as_ptr()),
                MPI_SUCCESS
            );
            assert_eq!(MPI_Info_get_nkeys(info, &raw mut keys), MPI_SUCCESS);
            assert_eq!(MPI_Initialized(&raw mut flag), MPI_SUCCESS);
            assert_eq!(MPI_Info_free(&raw mut info), MPI_SUCCESS);
        }
        assert_eq!((keys, flag), (1, 0));
    }
}

#[test]
fn threads_may_call_before_init() {
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make_and_free)).collect();
    for thread in threads {
        thread.join().expect("no assertion failed");
    }
}
