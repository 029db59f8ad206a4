// Package plan is the form of what is to be written to AWS and Kubernetes: steps with an operation, reasons, dependencies, lanes and
// guards, as values that can be printed as text and JSON. It knows no operation: those are in packages below it, as elb has them for
// load balancers. It calls nothing and imports only the standard library, diag and stack.
package plan
