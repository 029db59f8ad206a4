// Package elb is what AWS holds of a stack, and the operations that change it: what each is called, what it refers to, and what an
// observation looks like after it. It decides nothing: package diff plans, package cloud sends. It imports only the standard
// library, diag, naming, plan, canonical and stack.
package elb
