// Package traffic answers which rule of a listener, and so which actions, a request gets from an ALB, what a redirect or a
// transform makes of it, and whether rules share requests: rule conditions, wildcards, URL normalisation. It sends nothing and
// chooses no target. It imports internal/stack and the standard library's pure parts.
package traffic
