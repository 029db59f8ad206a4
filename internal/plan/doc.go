// Package plan compares the stack that is wanted with what AWS holds and says, as a value, which writes lead from one to the
// other: typed steps with reasons, dependencies, lanes and guards; it also renders them as text and JSON.
// It calls nothing, never fails, and imports only the standard library, diag, naming, stack and traffic.
package plan
