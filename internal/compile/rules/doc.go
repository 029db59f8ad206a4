// Package rules puts the routes of a listener in order, splits what exceeds ELB's limits over several rules, and drops rules that can
// answer nothing. Actions and identities are the caller's. It imports diag, intent, stack and traffic.
//
// Of the rules that match a request the first one answers it. Members come by group.order and name, as with the existing controller; but
// of equal group.order, a member does not come in front of one of another namespace that joined earlier and with whose rules its own
// share requests: else a name that sorts well would be enough to take over traffic. decision 2 has this beside what else a member may.
package rules
