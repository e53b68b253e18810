// Names for a demangler, in the legacy and in the v0 form. Never run.
#![no_std]
#![crate_type = "lib"]
#![crate_name = "names"]

pub mod outer {
    pub struct Point<T> {
        pub x: T,
    }
    pub trait Area {
        fn area(&self) -> u32;
    }
    impl Area for Point<u32> {
        #[inline(never)]
        fn area(&self) -> u32 {
            self.x * 2
        }
    }
    impl Point<u8> {
        #[inline(never)]
        pub fn inherent(&self) -> u8 {
            self.x
        }
    }
    #[inline(never)]
    pub fn generic<T: Copy>(t: &T, n: usize) -> (T, usize) {
        (*t, n)
    }
}

#[inline(never)]
pub fn uses(a: &outer::Point<u32>) -> u32 {
    let closure = |i: u32| outer::Area::area(a) + i;
    let (v, n) = outer::generic(&7u32, 8);
    apply(&closure, v) + n as u32
}

#[inline(never)]
fn apply(f: &dyn Fn(u32) -> u32, i: u32) -> u32 {
    f(i)
}

#[no_mangle]
pub extern "C" fn unmangled(i: u32) -> u32 {
    uses(&outer::Point { x: i })
}
