// Package trial runs code over damaged files and watches it: whether it panics, how much processor time it takes and
// how much it allocates. One task runs at a time, in a goroutine that has a deadline. The measure is the same task on
// the file before it was damaged: damage may make work, but not out of all proportion.
package trial
