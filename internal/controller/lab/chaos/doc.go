// Package chaos has tests of lives with crashes, hangs, denials and faults at every call, and of random edits between
// them.
package chaos
