// Package diff compares the stack that is wanted with what AWS holds and returns the plan that leads from one to the other, with
// dependencies and guards such that no request goes unanswered on the way. It calls nothing and never fails. It imports only the
// standard library, diag, naming, stack, traffic and the packages of plan.
package diff
