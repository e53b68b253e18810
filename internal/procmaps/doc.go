// Package procmaps reads /proc/PID/maps: the memory areas of a process, one a
// line, as the kernel's show_map_vma (fs/proc/task_mmu.c) prints them:
//
//	7f2c8e228000-7f2c8e3bd000 r-xp 00028000 fe:00 247026     /usr/lib/libc.so.6
//	start        end          perm offset   dev   inode      name
//
// Numbers are hexadecimal, but for the inode. The offset is in bytes, of the
// area's first byte in the file. The device is that of the file system's super
// block, and need not be what stat says of the file: btrfs has a device for
// every subvolume, and overlayfs shows those of a layer before Linux 6.8.
//
// The name goes to the end of the line, blanks included. Of its characters only
// the newline is escaped, as "\012", and the backslash is not, so that text is
// ambiguous. " (deleted)" follows the name of a file that has no name any more; a file
// may also be called so. The name is where the file is for the process's mount
// namespace, not for its root directory: a process in a chroot shows
// "/jail/lib/x.so". Names without a "/" are the kernel's own: "[vdso]", "[stack]",
// "anon_inode:…"; a memfd is "/memfd:NAME (deleted)".
//
// The list is read page by page while the process goes on, so that an area may
// appear twice or be missing if the process maps something meanwhile.
package procmaps
