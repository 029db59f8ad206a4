// Package accounts has tests of what the controller may call in AWS: its policies, denied actions, roles of other
// accounts.
package accounts
